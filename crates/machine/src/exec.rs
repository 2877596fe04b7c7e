//! Runs programs in the world for drills, tests and the command line, with the caller's own
//! standard streams.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, IoSliceMut, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::Pid;

use crate::client::{Ended, Place, Program};
use crate::error::{Failure, Step as _, chain};
use crate::host::Host;
use crate::roles::{Arguments, command};

/// A request is one line of JSON; more is not a request.
const LONGEST_REQUEST: u64 = 1 << 20;

/// Serves the socket for as long as this process lives.
pub(crate) fn serve(host: &Host, socket: &Path) -> Result<(), Failure> {
    let _ = fs::remove_file(socket);
    let listener = UnixListener::bind(socket).step(|| format!("listen at {}", socket.display()))?;
    let host = host.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let host = host.clone();
            std::thread::spawn(move || {
                let ended =
                    run(&host, &stream).unwrap_or_else(|failure| Ended::Failed(chain(&failure)));
                if let Ok(answer) = serde_json::to_vec(&ended) {
                    // The caller may have gone.
                    let _ = (&stream).write_all(&answer);
                }
                let _ = stream.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    Ok(())
}

fn run(host: &Host, stream: &UnixStream) -> Result<Ended, Failure> {
    let [stdin, stdout, stderr] = receive_streams(stream)?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_REQUEST))
        .read_line(&mut line)
        .step(|| "read a request to run a program")?;
    let program: Program =
        serde_json::from_str(&line).step(|| "understand a request to run a program")?;
    let (namespace, resolver) = match &program.place {
        Place::Internet => (internet_namespace(&host.run), internet_resolver(&host.run)),
        Place::Interface(interface) => (host.namespace(interface), vpc_resolver(&host.run)),
    };
    if !namespace.exists() {
        return Err(Failure::new(match &program.place {
            Place::Internet => "there is no internet now".to_owned(),
            Place::Interface(interface) => {
                format!("nothing runs behind an interface {interface} now")
            }
        }));
    }
    let directory = program.directory.as_deref().unwrap_or("/");
    if !Path::new(directory).is_dir() {
        return Err(Failure::new(format!(
            "the machine sees no directory {directory}, where the program is to run"
        )));
    }
    let mut child = command("enter")
        .arg("--netns")
        .arg(namespace)
        .arg("--resolver")
        .arg(resolver)
        .arg("--die-with-parent")
        .arg("--")
        .args(&program.command)
        .envs(&program.environment)
        .current_dir(directory)
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .process_group(0)
        .spawn()
        .step(|| format!("run {}", program.command.join(" ")))?;
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let watched = stream.try_clone().step(|| "watch the caller")?;
    let ended = Arc::new(AtomicBool::new(false));
    // Ends when the caller does, or when the answer has been given.
    std::thread::spawn({
        let ended = ended.clone();
        move || {
            let _ = (&watched).read(&mut [0]);
            if !ended.load(Ordering::SeqCst) {
                let _ = killpg(group, Signal::SIGKILL);
            }
        }
    });
    let status = child.wait().step(|| "wait for the program")?;
    // Its number may be another's from now on.
    ended.store(true, Ordering::SeqCst);
    Ok(Ended::Status(status.code().unwrap_or_else(|| {
        128 + status.signal().unwrap_or_default()
    })))
}

fn receive_streams(stream: &UnixStream) -> Result<[OwnedFd; 3], Failure> {
    let mut byte = [0];
    let mut room = nix::cmsg_space!([std::os::fd::RawFd; 3]);
    let mut buffers = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(
        stream.as_raw_fd(),
        &mut buffers,
        Some(&mut room),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )
    .step(|| "receive the standard streams")?;
    let mut files = Vec::new();
    for part in message.cmsgs().step(|| "receive the standard streams")? {
        if let ControlMessageOwned::ScmRights(received) = part {
            for file in received {
                #[expect(
                    unsafe_code,
                    reason = "the kernel has just made this descriptor for this process; nobody \
                              else knows it"
                )]
                files.push(unsafe { OwnedFd::from_raw_fd(file) });
            }
        }
    }
    files
        .try_into()
        .map_err(|_| Failure::new("three standard streams come with a request"))
}

/// The namespace outside every VPC.
pub(crate) fn internet_namespace(run: &Path) -> PathBuf {
    run.join("ns").join("internet")
}

/// A `resolv.conf` for those in the internet.
pub(crate) fn internet_resolver(run: &Path) -> PathBuf {
    run.join("resolv.internet")
}

/// A `resolv.conf` for those in a VPC.
pub(crate) fn vpc_resolver(run: &Path) -> PathBuf {
    run.join("resolv.vpc")
}

/// The role that enters a network namespace and becomes the program that is to run there.
pub(crate) fn enter(arguments: &[OsString]) -> ExitCode {
    let Err(failure) = become_program(arguments);
    eprintln!("{}", chain(&failure));
    ExitCode::from(126)
}

fn become_program(arguments: &[OsString]) -> Result<Infallible, Failure> {
    let split = arguments
        .iter()
        .position(|argument| argument == "--")
        .ok_or_else(|| Failure::new("-- is missing"))?;
    let (options, program) = (Arguments(&arguments[..split]), &arguments[split + 1..]);
    let (program, rest) = program
        .split_first()
        .ok_or_else(|| Failure::new("the program to run is missing"))?;
    if options.has("--die-with-parent") {
        // The thread that waits for the program, in the executor.
        set_pdeathsig(Signal::SIGKILL).step(|| "ask to die with the machine's executor")?;
    }
    let path = options.path("--netns")?;
    let namespace =
        fs::File::open(&path).step(|| format!("open the namespace {}", path.display()))?;
    setns(namespace, CloneFlags::CLONE_NEWNET)
        .step(|| format!("enter the namespace {}", path.display()))?;
    if options.has("--resolver") {
        unshare(CloneFlags::CLONE_NEWNS).step(|| "make a mount namespace")?;
        mount(
            Some(&options.path("--resolver")?),
            "/etc/resolv.conf",
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .step(|| "put the name server in place")?;
    }
    // Only comes back when it failed.
    let error = Command::new(program).args(rest).exec();
    let name = program.to_string_lossy();
    if error.kind() == std::io::ErrorKind::NotFound {
        // Also what the kernel says of a program whose interpreter or loader is missing.
        let path = std::env::var("PATH").unwrap_or_default();
        return Err(Failure::new(format!(
            "there is no program {name} to run (PATH is {path}), or it needs another that is missing"
        )));
    }
    Err(error).step(|| format!("run {name}"))
}
