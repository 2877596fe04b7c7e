//! Whether a name resolves and its port accepts, asked from the network namespace this process
//! is in.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::Duration;

use world::task::Requirement;

/// How long a name may take to resolve, and how long a connection to be made.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks one requirement; the error is the whole reason the task stops with.
pub(crate) fn check(requirement: &Requirement, nameserver: Option<Ipv4Addr>) -> Result<(), String> {
    let failure = |error: String| requirement.failure.replace("{error}", &error);
    let Requirement { host, port, .. } = requirement;
    let addresses = match host.parse() {
        Ok(address) => vec![address],
        Err(_) => resolve(host, nameserver)
            .map_err(|error| failure(format!("dial tcp: lookup {host}: {error}")))?,
    };
    let mut last = format!("dial tcp: lookup {host}: no such host");
    for address in addresses {
        match TcpStream::connect_timeout(&SocketAddrV4::new(address, *port).into(), PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = format!("dial tcp {address}:{port}: {}", words(&error)),
        }
    }
    Err(failure(last))
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "i/o timeout".into(),
        io::ErrorKind::ConnectionRefused => "connect: connection refused".into(),
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".into(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".into(),
        _ => error.to_string(),
    }
}

fn resolve(host: &str, nameserver: Option<Ipv4Addr>) -> Result<Vec<Ipv4Addr>, String> {
    let server = nameserver.ok_or("no nameserver: DNS support is off in this VPC")?;
    let query = query(host).ok_or("no such host")?;
    let ask = || -> io::Result<Vec<u8>> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((server, 53))?;
        // Half each, so that one lost packet is not the end.
        socket.set_read_timeout(Some(PATIENCE / 2))?;
        let mut answer = vec![0; 4096];
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..2 {
            socket.send(&query)?;
            match socket.recv(&mut answer) {
                Ok(length) => {
                    answer.truncate(length);
                    return Ok(answer);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    let answer = ask().map_err(|error| format!("on {server}:53: {}", words(&error)))?;
    match addresses(&answer) {
        Some(found) if !found.is_empty() => Ok(found),
        Some(_) => Err(format!("on {server}:53: no such host")),
        None => Err(format!("on {server}:53: the answer makes no sense")),
    }
}

/// A question for the addresses of a name, as it goes over the wire.
fn query(host: &str) -> Option<Vec<u8>> {
    // Any id does: the socket is connected and asks once.
    let mut bytes = vec![0x54, 0x65, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in host.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|length| (1..64).contains(length))?;
        bytes.push(length);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
    (bytes.len() <= 12 + 255 + 4).then_some(bytes)
}

/// The addresses in an answer; aliases lead to them in the same message.
fn addresses(message: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let count = |at: usize| {
        Some(u16::from_be_bytes([
            *message.get(at)?,
            *message.get(at + 1)?,
        ]))
    };
    let mut at = 12;
    for _ in 0..count(4)? {
        at = skip_name(message, at)? + 4;
    }
    let mut found = Vec::new();
    for _ in 0..count(6)? {
        at = skip_name(message, at)?;
        let (kind, length) = (count(at)?, usize::from(count(at + 8)?));
        let data = message.get(at + 10..at + 10 + length)?;
        if kind == 1 {
            found.push(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?));
        }
        at += 10 + length;
    }
    Some(found)
}

fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            // A pointer to an earlier name ends this one.
            byte if byte >= 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_and_its_address_are_read() {
        let mut answer = query("a.example").unwrap();
        answer[7] = 2;
        // a.example CNAME b.example (a pointer into the question follows its first label).
        answer.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'b', 0xc0, 14]);
        answer.extend_from_slice(&[0xc0, 39, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 1, 2]);
        assert_eq!(addresses(&answer), Some(vec![Ipv4Addr::new(10, 0, 1, 2)]));
        answer.truncate(answer.len() - 1);
        assert_eq!(addresses(&answer), None);
    }

    #[test]
    fn a_refused_connection_fills_the_reason() {
        // A port that was just free: bound, then given back.
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let requirement = Requirement {
            host: "127.0.0.1".into(),
            port: free,
            failure: "CannotPullContainerError: {error}".into(),
        };
        assert_eq!(
            check(&requirement, None),
            Err(format!(
                "CannotPullContainerError: dial tcp 127.0.0.1:{free}: connect: connection refused"
            ))
        );
    }

    #[test]
    fn a_name_too_long_to_ask_for_is_not_asked() {
        assert_eq!(query(&"a".repeat(64)), None);
        assert_eq!(query(""), None);
        assert_eq!(query("a..b"), None);
    }
}
