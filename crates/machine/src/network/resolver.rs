//! Name servers inside the world: a VPC's at its `.2`, and the internet's.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::DNSClass;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::splice::{Guard, in_namespace};
use super::zones::Names;
use crate::error::{Failure, Step as _};

/// Answers above this many bytes are asked for again over TCP.
const UDP_LIMIT: usize = 1232;
/// A TCP client that says nothing for so long is hung up on.
const IDLE: Duration = Duration::from_secs(30);

/// What one name server knows. It may change while the server runs.
pub(crate) type View = Arc<RwLock<Names>>;

/// Answers at port 53 of these addresses until the guard is dropped.
pub(crate) fn serve(
    namespace: &Path,
    addresses: &[Ipv4Addr],
    view: &View,
) -> Result<Guard, Failure> {
    let mut servers = JoinSet::new();
    for address in addresses {
        let at = SocketAddrV4::new(*address, 53);
        let socket = crate::netns::within(namespace, || {
            let socket = std::net::UdpSocket::bind(at)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .and_then(UdpSocket::from_std)
        .step(|| format!("answer names at {at} (UDP)"))?;
        servers.spawn(serve_udp(socket, view.clone()));
        let listener = in_namespace(namespace, at, false)?;
        servers.spawn(serve_tcp(listener, view.clone()));
    }
    Ok(Guard::new(servers))
}

async fn serve_udp(socket: UdpSocket, view: View) {
    let mut buffer = vec![0; 4096];
    loop {
        // An error here is one that an earlier answer met; the socket goes on.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            tokio::task::yield_now().await;
            continue;
        };
        if let Some(reply) = answer(&buffer[..length], &view, UDP_LIMIT) {
            let _: std::io::Result<usize> = send(&socket, &reply, peer).await;
        }
    }
}

async fn send(socket: &UdpSocket, reply: &[u8], peer: SocketAddr) -> std::io::Result<usize> {
    socket.send_to(reply, peer).await
}

async fn serve_tcp(listener: TcpListener, view: View) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_stream(stream, view.clone()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_stream(mut stream: TcpStream, view: View) {
    while let Ok(Ok(length)) = tokio::time::timeout(IDLE, stream.read_u16()).await {
        let mut request = vec![0; usize::from(length)];
        let read = tokio::time::timeout(IDLE, stream.read_exact(&mut request)).await;
        let Ok(Ok(_)) = read else { return };
        let Some(reply) = answer(&request, &view, usize::from(u16::MAX)) else {
            return;
        };
        let mut framed = u16::try_from(reply.len())
            .unwrap_or_default()
            .to_be_bytes()
            .to_vec();
        framed.extend(reply);
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

/// A number that nobody can guess.
fn chance() -> u64 {
    // Only which of several answers is given hangs on it.
    getrandom::u64().unwrap_or_default()
}

/// The answer to a request, as bytes; `None` for what is no request at all.
fn answer(request: &[u8], view: &View, limit: usize) -> Option<Vec<u8>> {
    let request = Message::from_vec(request).ok()?;
    if request.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = Message::response(request.metadata.id, request.metadata.op_code);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.metadata.recursion_available = true;
    reply.metadata.response_code = match request.queries.as_slice() {
        [query] if request.metadata.op_code == OpCode::Query => {
            reply.add_query(query.clone());
            let names = view
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if matches!(query.query_class(), DNSClass::IN | DNSClass::ANY) {
                let found = names.find(query.name(), query.query_type(), chance);
                reply.add_answers(found.records);
                found.code
            } else {
                ResponseCode::NoError
            }
        }
        _ => ResponseCode::NotImp,
    };
    let bytes = reply.to_vec().ok()?;
    if bytes.len() <= limit {
        return Some(bytes);
    }
    reply.truncate().to_vec().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;
    use hickory_proto::rr::{Name, RecordType};
    use world::network::Internet;

    fn ask(internet: &Internet, name: &str, kind: RecordType) -> Message {
        let view: View = Arc::new(RwLock::new(Names::public(internet)));
        let mut request = Message::query();
        request.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
        let reply = answer(&request.to_vec().expect("bytes"), &view, UDP_LIMIT).expect("bytes");
        assert!(reply.len() <= UDP_LIMIT);
        Message::from_vec(&reply).expect("a message")
    }

    #[test]
    fn a_question_is_answered() {
        let mut internet = Internet::default();
        let addresses = vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        internet.names.insert("db.example.com".into(), addresses);
        let reply = ask(&internet, "DB.example.com.", RecordType::A);
        let found: Vec<_> = reply
            .answers
            .iter()
            .map(|one| one.data.to_string())
            .collect();
        assert_eq!(found, ["10.0.0.1", "10.0.0.2"]);
        assert!(reply.metadata.recursion_available);
        let missing = ask(&internet, "example.com.", RecordType::A);
        assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    }

    #[test]
    fn what_is_no_request_gets_no_answer() {
        let view = View::default();
        assert_eq!(answer(b"", &view, 512), None);
        assert_eq!(answer(&[0xff; 40], &view, 512), None);
        let reply = Message::response(1, OpCode::Query).to_vec().expect("bytes");
        assert_eq!(answer(&reply, &view, 512), None);
    }

    #[test]
    fn too_long_an_answer_is_cut_and_says_so() {
        let mut internet = Internet::default();
        let addresses: Vec<Ipv4Addr> = (0..200).map(|n| Ipv4Addr::new(10, 0, 0, n)).collect();
        internet.names.insert("many.example.com".into(), addresses);
        let reply = ask(&internet, "many.example.com.", RecordType::A);
        assert!(reply.metadata.truncation);
    }
}
