//! Name servers inside the world: a VPC's at its `.2`, and the internet's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType, rdata::A};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use world::network::{Internet, Vpc};

use super::splice::{Guard, in_namespace};
use crate::error::{Failure, Step as _};

/// Seconds that answers may be kept: as short as that of a database that may fail over.
const TTL: u32 = 5;
/// Answers above this many bytes are asked for again over TCP.
const UDP_LIMIT: usize = 1232;
/// A TCP client that says nothing for so long is hung up on.
const IDLE: Duration = Duration::from_secs(30);

/// The names that one name server knows. It may change while the server runs.
pub(crate) type View = Arc<RwLock<Names>>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<String, Vec<Ipv4Addr>>);

impl Names {
    /// What everybody knows.
    pub(crate) fn public(internet: &Internet) -> Self {
        let mut names = Self::default();
        for (address, services) in &internet.services {
            for service in services {
                names.0.entry(plain(service)).or_default().push(*address);
            }
        }
        for (name, addresses) in &internet.names {
            names.0.insert(plain(name), addresses.clone());
        }
        names
    }

    /// What the interfaces of a VPC know: its own names win.
    pub(crate) fn of_vpc(vpc: &Vpc, internet: &Internet) -> Self {
        let mut names = Self::public(internet);
        for interface in vpc.interfaces.values() {
            let Some(subnet) = vpc.subnets.get(&interface.subnet) else {
                continue;
            };
            let region = subnet
                .availability_zone
                .trim_end_matches(|c: char| c.is_ascii_lowercase());
            let host = format!("ip-{}", interface.address.to_string().replace('.', "-"));
            let name = if region == "us-east-1" {
                format!("{host}.ec2.internal")
            } else {
                format!("{host}.{region}.compute.internal")
            };
            names.0.insert(name, vec![interface.address]);
        }
        for (name, addresses) in &vpc.names {
            names.0.insert(plain(name), addresses.clone());
        }
        names
    }

    /// The addresses of a name, or of the closest wildcard above it.
    fn find(&self, name: &str) -> Option<&[Ipv4Addr]> {
        let name = plain(name);
        if let Some(addresses) = self.0.get(&name) {
            return Some(addresses);
        }
        let mut rest = name.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(addresses) = self.0.get(&format!("*.{parent}")) {
                return Some(addresses);
            }
            rest = parent;
        }
        None
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

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
            match names.find(&query.name().to_ascii()) {
                None => ResponseCode::NXDomain,
                Some(addresses) => {
                    let asked = matches!(query.query_type(), RecordType::A | RecordType::ANY)
                        && matches!(query.query_class(), DNSClass::IN | DNSClass::ANY);
                    for address in addresses.iter().filter(|_| asked) {
                        reply.add_answer(Record::from_rdata(
                            query.name().clone(),
                            TTL,
                            RData::A(A(*address)),
                        ));
                    }
                    ResponseCode::NoError
                }
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
    use hickory_proto::rr::Name;

    fn ask(names: &[(&str, &[&str])], name: &str, kind: RecordType) -> String {
        let view: View = Arc::new(RwLock::new(Names(
            names
                .iter()
                .map(|(name, addresses)| {
                    let addresses = addresses.iter().map(|a| a.parse().expect("an address"));
                    ((*name).to_owned(), addresses.collect())
                })
                .collect(),
        )));
        let mut request = Message::query();
        request.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
        let reply = answer(&request.to_vec().expect("bytes"), &view, UDP_LIMIT).expect("an answer");
        let reply = Message::from_vec(&reply).expect("a message");
        let answers: Vec<_> = reply
            .answers
            .iter()
            .map(|answer| answer.data.to_string())
            .collect();
        format!("{} {}", reply.metadata.response_code, answers.join(" "))
    }

    #[test]
    fn names_are_found_whatever_their_case_and_wildcards_after_them() {
        let names: &[(&str, &[&str])] = &[
            ("db.example.com", &["10.0.0.1", "10.0.0.2"]),
            ("*.example.com", &["10.0.0.3"]),
        ];
        let ask = |name, kind| ask(names, name, kind);
        assert_eq!(
            ask("DB.example.com.", RecordType::A),
            "No Error 10.0.0.1 10.0.0.2"
        );
        assert_eq!(ask("db.example.com.", RecordType::AAAA), "No Error ");
        assert_eq!(ask("a.b.example.com.", RecordType::A), "No Error 10.0.0.3");
        assert_eq!(ask("example.com.", RecordType::A), "Non-Existent Domain ");
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
        let addresses: Vec<Ipv4Addr> = (0..200).map(|n| Ipv4Addr::new(10, 0, 0, n)).collect();
        let names = Names([("many.example.com".to_owned(), addresses)].into());
        let view: View = Arc::new(RwLock::new(names));
        let mut request = Message::query();
        let name = Name::from_ascii("many.example.com.").expect("a name");
        request.add_query(Query::query(name, RecordType::A));
        let reply = answer(&request.to_vec().expect("bytes"), &view, UDP_LIMIT).expect("bytes");
        assert!(reply.len() <= UDP_LIMIT);
        assert!(
            Message::from_vec(&reply)
                .expect("a message")
                .metadata
                .truncation
        );
    }
}
