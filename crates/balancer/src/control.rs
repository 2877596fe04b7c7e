//! The control socket: lines of JSON in, lines of JSON out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot};
use world::balancer::node::{Answer, FromNode, PROTOCOL, Request, TargetHealth, ToNode};

/// A line longer than this is no configuration of a load balancer.
const LINE_LIMIT: u64 = 64 * 1024 * 1024;

/// A request and where its answer goes.
pub(crate) type Ask = (Request, oneshot::Sender<Answer>);

/// Opens the socket for this user alone; what an earlier process left there is taken away.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves clients until the manager is gone.
pub(crate) async fn accept(
    listener: UnixListener,
    asks: mpsc::Sender<Ask>,
    news: broadcast::Sender<Arc<TargetHealth>>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (asks, news) = (asks.clone(), news.subscribe());
                tokio::spawn(async move {
                    if let Err(error) = client(stream, asks, news).await {
                        tracing::debug!(%error, "a control connection broke");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control connection");
                tokio::time::sleep(crate::watch::TICK).await;
            }
        }
    }
}

async fn client(
    stream: UnixStream,
    asks: mpsc::Sender<Ask>,
    mut news: broadcast::Receiver<Arc<TargetHealth>>,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let (lines, mut incoming) = mpsc::channel::<io::Result<Vec<u8>>>(1);
    let reading = tokio::spawn(read_lines(reader, lines));
    loop {
        let message = tokio::select! {
            line = incoming.recv() => match line {
                None => break,
                Some(line) => answer(&line?, &asks).await,
            },
            health = news.recv() => match health {
                Ok(health) => FromNode {
                    protocol: PROTOCOL,
                    id: None,
                    answer: Answer::TargetHealth(TargetHealth::clone(&health)),
                },
                // Too slow to hear all: a status tells how things are.
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => break,
            },
        };
        let mut line = serde_json::to_vec(&message)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
    }
    reading.abort();
    Ok(())
}

async fn read_lines(
    reader: tokio::net::unix::OwnedReadHalf,
    lines: mpsc::Sender<io::Result<Vec<u8>>>,
) {
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader)
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)
            .await;
        let sent = match read {
            Ok(0) => return,
            Ok(_) if line.last() != Some(&b'\n') && line.len() as u64 == LINE_LIMIT => {
                lines.send(Err(io::ErrorKind::FileTooLarge.into())).await
            }
            Ok(_) if line.trim_ascii().is_empty() => Ok(()),
            Ok(_) => lines.send(Ok(line)).await,
            Err(error) => lines.send(Err(error)).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn answer(line: &[u8], asks: &mpsc::Sender<Ask>) -> FromNode {
    let (id, answer) = match parse(line) {
        Err(refusal) => *refusal,
        Ok(ToNode { id, request, .. }) => {
            let (reply, answer) = oneshot::channel();
            // Both fail only while the process ends.
            let _ = asks.send((request, reply)).await;
            let answer = answer.await.unwrap_or(Answer::Refused {
                field: None,
                reason: "the node is stopping".into(),
            });
            (Some(id), answer)
        }
    };
    FromNode {
        protocol: PROTOCOL,
        id,
        answer,
    }
}

/// Reads a message, or makes the answer that says what is wrong with it.
fn parse(line: &[u8]) -> Result<ToNode, Box<(Option<u64>, Answer)>> {
    let id = || {
        serde_json::from_slice::<serde_json::Value>(line)
            .ok()
            .and_then(|value| value.get("id")?.as_u64())
    };
    let refused =
        |field: Option<String>, reason: String| Box::new((id(), Answer::Refused { field, reason }));
    let mut json = serde_json::Deserializer::from_slice(line);
    let message: ToNode = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let field = path.strip_prefix("request.configure.").unwrap_or(&path);
        let field = (field != ".").then(|| field.to_owned());
        refused(field, error.into_inner().to_string())
    })?;
    if message.protocol != PROTOCOL {
        return Err(refused(
            Some("protocol".into()),
            format!("this node speaks version {PROTOCOL}"),
        ));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> (Option<u64>, Option<String>) {
        match parse(line.as_bytes()) {
            Err(refusal) => match *refusal {
                (id, Answer::Refused { field, .. }) => (id, field),
                other => panic!("{other:?}"),
            },
            Ok(message) => panic!("{message:?}"),
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(refusal("nonsense"), (None, None));
        assert_eq!(
            refusal(r#"{"protocol":2,"id":7,"request":"status"}"#),
            (Some(7), Some("protocol".into()))
        );
        assert_eq!(
            refusal(
                r#"{"protocol":1,"id":8,"request":{"configure":{"node":{"address":"nowhere","availability_zone":"a"}}}}"#
            ),
            (Some(8), Some("node.address".into()))
        );
        assert_eq!(
            refusal(
                r#"{"protocol":1,"id":9,"request":{"configure":{"node":{"address":"::1","availability_zone":"a"},
                "config":{"version":1,"name":"n","arn":"a","dns_name":"d","cookie_secret":"s","target_groups":[],
                "listeners":[{"arn":"l","port":70000}]}}}}"#
            ),
            (Some(9), Some("config.listeners[0].port".into()))
        );
        assert!(parse(br#"{"protocol":1,"id":1,"request":"status"}"#).is_ok());
    }
}
