//! A small program for standing somewhere in the world and trying what works there, so that
//! drills and tests need no tools of the system.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use crate::error::{Failure, Step as _, chain};

const USAGE: &str = "probe: listen ADDRESS TEXT | http ADDRESS TEXT | fetch ADDRESS [MILLISECONDS] | \
                     connect ADDRESS [MILLISECONDS] | hold ADDRESS | get ADDRESS PATH | page ADDRESS PATH | \
                     exchange ADDRESS TEXT [MILLISECONDS] | listen-udp ADDRESS TEXT | \
                     fetch-udp ADDRESS [MILLISECONDS] | resolve NAME";

pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let arguments: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).collect();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let result = match arguments.as_slice() {
        ["listen", address, text] => listen(address, text),
        ["http", address, text] => http(address, text),
        ["fetch", address] => fetch(address, "1000"),
        ["fetch", address, limit] => fetch(address, limit),
        ["connect", address] => try_connect(address, "1000"),
        ["connect", address, limit] => try_connect(address, limit),
        ["get", address, path] => get(address, path),
        ["page", address, path] => page(address, path),
        ["hold", address] => hold(address),
        ["exchange", address, text] => exchange(address, text, "5000"),
        ["exchange", address, text, limit] => exchange(address, text, limit),
        ["listen-udp", address, text] => listen_udp(address, text),
        ["fetch-udp", address] => fetch_udp(address, "1000"),
        ["fetch-udp", address, limit] => fetch_udp(address, limit),
        ["resolve", name] => resolve(name),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", chain(&failure));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .step(|| "write to standard output")
}

/// Greets every connection with the text and the peer's address, then sends its lines back.
fn listen(address: &str, text: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).step(|| format!("listen at {address}"))?;
    say("listening")?;
    for mut stream in listener.incoming().flatten() {
        let text = text.to_owned();
        std::thread::spawn(move || {
            let peer = stream.peer_addr()?;
            writeln!(stream, "{text} {}", peer.ip())?;
            let mut lines = BufReader::new(stream.try_clone()?);
            let mut line = String::new();
            while lines.read_line(&mut line)? > 0 {
                stream.write_all(line.as_bytes())?;
                line.clear();
            }
            std::io::Result::Ok(())
        });
    }
    Ok(())
}

/// Answers every HTTP request with the text.
fn http(address: &str, text: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).step(|| format!("listen at {address}"))?;
    say("listening")?;
    for mut stream in listener.incoming().flatten() {
        let text = text.to_owned();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream.try_clone()?);
            let mut line = String::new();
            while lines.read_line(&mut line)? > 0 {
                // Requests without a body end with an empty line.
                if line.trim_end().is_empty() {
                    let length = text.len();
                    write!(
                        stream,
                        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{text}"
                    )?;
                }
                line.clear();
            }
            std::io::Result::Ok(())
        });
    }
    Ok(())
}

fn limit(milliseconds: &str) -> Result<Duration, Failure> {
    let milliseconds: u64 = milliseconds
        .parse()
        .step(|| format!("read {milliseconds} as milliseconds"))?;
    Ok(Duration::from_millis(milliseconds))
}

fn connect(address: &str, limit: Duration) -> Result<TcpStream, Failure> {
    let target: SocketAddr = address
        .to_socket_addrs()
        .step(|| format!("find {address}"))?
        .next()
        .ok_or_else(|| Failure::new(format!("{address} has no address")))?;
    let stream =
        TcpStream::connect_timeout(&target, limit).step(|| format!("connect to {address}"))?;
    stream
        .set_read_timeout(Some(limit.max(Duration::from_secs(5))))
        .step(|| "limit the time to read")?;
    Ok(stream)
}

/// Prints whom it reached, and how soon.
fn try_connect(address: &str, milliseconds: &str) -> Result<(), Failure> {
    let begun = std::time::Instant::now();
    let stream = connect(address, limit(milliseconds)?)?;
    let peer = stream.peer_addr().step(|| "ask who answered")?;
    say(&format!(
        "{peer} in {:.1} ms",
        begun.elapsed().as_secs_f64() * 1000.0
    ))
}

/// Asks for a page by HTTP and prints the first line of the answer.
fn get(address: &str, path: &str) -> Result<(), Failure> {
    let mut stream = connect(address, Duration::from_secs(2))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .step(|| format!("write to {address}"))?;
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .step(|| format!("read from {address}"))?;
    say(line.trim_end())
}

/// Asks for a page by HTTP and prints it, if it is there.
fn page(address: &str, path: &str) -> Result<(), Failure> {
    let mut stream = connect(address, Duration::from_secs(2))?;
    // Of the older version, whose answers come in one piece.
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")
        .step(|| format!("write to {address}"))?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .step(|| format!("read from {address}"))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| Failure::new(format!("{address} answers without a head")))?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(Failure::new(format!("{address} answers {status}")));
    }
    say(body)
}

/// Prints the greeting.
fn fetch(address: &str, milliseconds: &str) -> Result<(), Failure> {
    let stream = connect(address, limit(milliseconds)?)?;
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .step(|| format!("read from {address}"))?;
    say(line.trim_end())
}

/// Prints the greeting, then sends each line of standard input and prints what comes back.
fn hold(address: &str) -> Result<(), Failure> {
    let mut stream = connect(address, Duration::from_secs(5))?;
    let mut lines = BufReader::new(stream.try_clone().step(|| "share a connection")?);
    let mut line = String::new();
    for input in std::iter::once(Ok(String::new())).chain(std::io::stdin().lines()) {
        let input = input.step(|| "read standard input")?;
        if !input.is_empty() {
            writeln!(stream, "{input}").step(|| format!("write to {address}"))?;
        }
        line.clear();
        lines
            .read_line(&mut line)
            .step(|| format!("read from {address}"))?;
        say(line.trim_end())?;
    }
    Ok(())
}

/// Sends the text, ends its half and prints all that comes back.
fn exchange(address: &str, text: &str, milliseconds: &str) -> Result<(), Failure> {
    let mut stream = connect(address, limit(milliseconds)?)?;
    stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.shutdown(std::net::Shutdown::Write))
        .step(|| format!("write to {address}"))?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .step(|| format!("read from {address}"))?;
    say(answer.trim_end())
}

fn listen_udp(address: &str, text: &str) -> Result<(), Failure> {
    let socket = UdpSocket::bind(address).step(|| format!("listen at {address}"))?;
    say("listening")?;
    let mut buffer = [0; 2048];
    loop {
        let (_, peer) = socket
            .recv_from(&mut buffer)
            .step(|| format!("receive at {address}"))?;
        // The peer may have gone.
        let _ = socket.send_to(format!("{text} {}", peer.ip()).as_bytes(), peer);
    }
}

fn fetch_udp(address: &str, milliseconds: &str) -> Result<(), Failure> {
    let socket = UdpSocket::bind("0.0.0.0:0").step(|| "make a socket")?;
    socket
        .set_read_timeout(Some(limit(milliseconds)?))
        .step(|| "limit the time to read")?;
    let mut buffer = [0; 2048];
    let length = socket
        .connect(address)
        .and_then(|()| socket.send(b"?"))
        .and_then(|_| socket.recv(&mut buffer))
        .step(|| format!("hear from {address}"))?;
    say(&String::from_utf8_lossy(&buffer[..length]))
}

fn resolve(name: &str) -> Result<(), Failure> {
    let addresses = (name, 0)
        .to_socket_addrs()
        .step(|| format!("resolve {name}"))?;
    let mut addresses: Vec<_> = addresses.map(|address| address.ip().to_string()).collect();
    addresses.sort();
    addresses.dedup();
    say(&addresses.join(" "))
}
