//! A procfs that a container has mounted something over.

use std::io::Read as _;
use std::path::Path;

use pathrs::flags::OpenFlags;
use pathrs::procfs::{ProcfsBase, ProcfsHandle, ProcfsHandleBuilder};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

fn read(handle: &ProcfsHandle, base: ProcfsBase, path: &str) -> Result<String, Option<i32>> {
    let mut text = String::new();
    handle
        .open(base, path, OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC)
        .map_err(|error| error.raw_os_error())?
        .read_to_string(&mut text)
        .expect("text");
    Ok(text)
}

fn whole() -> ProcfsHandle {
    ProcfsHandleBuilder::new()
        .unmasked()
        .build()
        .expect("procfs")
}

#[test]
fn a_process_reads_of_itself() {
    let handle = ProcfsHandle::new().expect("procfs");
    let status = read(&handle, ProcfsBase::ProcSelf, "status").expect("it is there");
    assert!(
        status.contains(&format!("Pid:\t{}\n", std::process::id())),
        "{status}"
    );
    let open = handle
        .open(
            ProcfsBase::ProcSelf,
            "fd",
            OpenFlags::O_DIRECTORY | OpenFlags::O_CLOEXEC,
        )
        .expect("its files");
    assert!(open.metadata().expect("it").is_dir());
}

#[test]
fn what_is_not_about_processes_is_asked_for() {
    let value = read(&whole(), ProcfsBase::ProcRoot, "sys/kernel/ostype");
    assert_eq!(value.as_deref(), Ok("Linux\n"));
}

#[test]
fn no_path_leads_out() {
    let handle = whole();
    for (base, path, refused) in [
        (ProcfsBase::ProcRoot, "../etc/passwd", Errno::XDEV),
        (ProcfsBase::ProcSelf, "../../etc/passwd", Errno::XDEV),
        (ProcfsBase::ProcRoot, "/etc/passwd", Errno::XDEV),
        (ProcfsBase::ProcSelf, "/etc/passwd", Errno::XDEV),
        (ProcfsBase::ProcSelf, "root/etc/passwd", Errno::LOOP),
        (ProcfsBase::ProcSelf, "cwd", Errno::LOOP),
        (ProcfsBase::ProcSelf, "exe", Errno::LOOP),
        (ProcfsBase::ProcRoot, "mounts", Errno::LOOP),
        (ProcfsBase::ProcSelf, "no-such-file", Errno::NOENT),
    ] {
        assert_eq!(
            read(&handle, base, path),
            Err(Some(refused.raw_os_error())),
            "{path}"
        );
    }
}

/// Whether the calling thread can mount from now on.
fn may_mount(may: bool) {
    let all = CapabilitySet::SYS_ADMIN | CapabilitySet::DAC_OVERRIDE;
    let sets = CapabilitySets {
        effective: if may { all } else { CapabilitySet::empty() },
        permitted: all,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets).expect("capabilities are set");
}

/// In a mount namespace of this thread, in which a file is mounted over one of procfs, and then
/// a whole directory over `/proc`.
#[test]
fn what_is_mounted_over_procfs_is_not_taken_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let lie = folder.path().join("status");
    std::fs::write(&lie, "Pid:\t1\n").expect("a lie");
    let lies = folder.path().to_owned();
    std::thread::spawn(move || {
        #[expect(
            unsafe_code,
            reason = "the table of file descriptors stays shared, which is what could go wrong"
        )]
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS) }
            .expect("a mount namespace: run these tests as root");
        rustix::mount::mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .expect("private");
        let over = |from: &Path, at: &str| {
            rustix::mount::mount(from, at, "", MountFlags::BIND, None).expect("a mount");
        };
        let told = |handle: &ProcfsHandle| {
            read(handle, ProcfsBase::ProcSelf, "status").map(|text| text.contains("Name:\t"))
        };
        over(&lie, &format!("/proc/{}/status", std::process::id()));
        assert_eq!(told(&ProcfsHandle::new().expect("procfs")), Ok(true));

        // Without the right to mount, what is covered is refused.
        may_mount(false);
        let handle = ProcfsHandle::new().expect("procfs");
        assert_eq!(told(&handle), Err(Some(Errno::XDEV.raw_os_error())));
        assert!(read(&handle, ProcfsBase::ProcSelf, "mountinfo").is_ok());

        may_mount(true);
        over(&lies, "/proc");
        may_mount(false);
        let error = ProcfsHandle::new().expect_err("there is no procfs");
        assert_eq!(error.raw_os_error(), Some(Errno::XDEV.raw_os_error()));
    })
    .join()
    .expect("as it should be");
}
