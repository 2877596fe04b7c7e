//! The control plane's connection: commands in, events out, one control plane at a time.

use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use world::{Command, Event};

use crate::error::{Failure, Step as _};
use crate::outbox::Outbox;

/// No command is longer; a whole world of hundreds of tasks is well below.
const LONGEST_COMMAND: u64 = 256 << 20;

/// The listening socket and the connection that is in force.
pub(crate) struct Control {
    listener: UnixListener,
    connection: Option<Connected>,
}

struct Connected {
    lines: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// What can happen at the socket.
pub(crate) enum Happening {
    Connected,
    Command(Command),
    Disconnected,
    /// There was room for an event and it was taken from the outbox.
    Said,
}

impl Control {
    pub(crate) fn listen(path: &Path) -> Result<Self, Failure> {
        let _ = std::fs::remove_file(path);
        Ok(Self {
            listener: UnixListener::bind(path).step(|| format!("listen at {}", path.display()))?,
            connection: None,
        })
    }

    /// Waits for the next thing that happens; may be dropped at any moment without loss.
    pub(crate) async fn next(&mut self, outbox: &mut Outbox) -> Happening {
        let Some(connection) = &mut self.connection else {
            let stream = accept(&self.listener).await;
            self.connection = Some(Connected::new(stream));
            return Happening::Connected;
        };
        let (happening, next) = tokio::select! {
            stream = accept(&self.listener) => {
                (Happening::Connected, Some(Connected::new(stream)))
            }
            command = connection.lines.recv() => match command {
                Some(command) => return Happening::Command(command),
                None => (Happening::Disconnected, None),
            },
            room = connection.events.reserve(), if !outbox.is_empty() => {
                match (room, outbox.pop()) {
                    (Ok(room), Some(event)) => {
                        room.send(event);
                        return Happening::Said;
                    }
                    _ => (Happening::Disconnected, None),
                }
            }
        };
        self.connection = next;
        happening
    }
}

/// Accepting fails for want of descriptors or memory only: wait for better times.
async fn accept(listener: &UnixListener) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control plane");
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
    }
}

impl Connected {
    fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        let (command_sender, lines) = mpsc::channel(256);
        let (events, event_receiver) = mpsc::channel(64);
        Self {
            lines,
            events,
            reader: tokio::spawn(read(reader, command_sender)),
            writer: tokio::spawn(write(writer, event_receiver)),
        }
    }
}

async fn read(reader: OwnedReadHalf, commands: mpsc::Sender<Command>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader)
            .take(LONGEST_COMMAND)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match serde_json::from_slice(&line) {
            Ok(command) => {
                if commands.send(command).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // Not the line itself: it may hold secrets.
                tracing::error!(%error, bytes = line.len(), "this is not a command; hanging up");
                return;
            }
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        let Ok(mut line) = serde_json::to_vec(&event) else {
            tracing::error!("an event cannot be written as JSON");
            continue;
        };
        line.push(b'\n');
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}
