//! Mail: written as MIME, then given to a mail server or to the region's own mailbox.

use std::time::SystemTime;

use lettre::address::Address;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use region::services::sns::delivery::Outcome;

use crate::CourierError;
use crate::maildir::Maildir;

/// Whom mails are from, as SNS's are.
const SENDER: &str = "no-reply@sns.amazonaws.com";

/// A mail server.
#[derive(Debug, Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

impl Smtp {
    /// A server by its URL, `smtp://host:port` or `smtps://…`, with a user and password for
    /// those that want them and `?tls=required` to insist on STARTTLS; mails are from `from`.
    ///
    /// # Errors
    /// If the URL or the address is none.
    pub fn new(url: &str, from: &str) -> Result<Self, CourierError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|source| CourierError::Smtp {
                url: without_password(url),
                source,
            })?
            .build();
        let from = from.parse().map_err(|source| CourierError::Address {
            address: from.to_owned(),
            source,
        })?;
        Ok(Self { transport, from })
    }
}

/// An error's text is read by many.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

#[derive(Debug)]
pub(crate) enum Post {
    Server(Smtp),
    Maildir(Maildir),
}

/// A mail, ready to be sent.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    /// Tells it from all others.
    pub(crate) id: &'a str,
    pub(crate) at: SystemTime,
    pub(crate) sender: &'a str,
    pub(crate) address: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) text: String,
}

impl Post {
    pub(crate) async fn send(&self, letter: Letter<'_>) -> (Outcome, String) {
        let from = match self {
            Self::Server(smtp) => smtp.from.clone(),
            Self::Maildir(_) => SENDER.parse().expect("it is an address"),
        };
        let id = letter.id.to_owned();
        let at = letter.at;
        let mail = match written(letter, from) {
            Ok(mail) => mail,
            Err(why) => return (Outcome::Refused, why),
        };
        match self {
            Self::Server(smtp) => match smtp.transport.send(mail).await {
                Ok(_) => (Outcome::Delivered, String::new()),
                Err(error) if error.is_permanent() => (Outcome::Refused, chain(&error)),
                Err(error) => (Outcome::Failed, chain(&error)),
            },
            Self::Maildir(maildir) => {
                let maildir = maildir.clone();
                let seconds = at
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .map_or(0, |since| since.as_secs());
                let name = format!("{seconds}.{id}.terrella");
                let kept =
                    tokio::task::spawn_blocking(move || maildir.put(&name, &mail.formatted()));
                match kept.await {
                    Ok(Ok(())) => (Outcome::Delivered, String::new()),
                    Ok(Err(error)) => (Outcome::Failed, error.to_string()),
                    Err(error) => (Outcome::Failed, error.to_string()),
                }
            }
        }
    }
}

fn written(letter: Letter<'_>, from: Address) -> Result<Message, String> {
    let to: Address = letter
        .address
        .parse()
        .map_err(|error| format!("{} is no mail address: {error}", letter.address))?;
    let host = from.domain().to_owned();
    Message::builder()
        .from(Mailbox::new(Some(letter.sender.to_owned()), from))
        .to(Mailbox::new(None, to))
        .date(letter.at)
        .message_id(Some(format!("<{}@{host}>", letter.id)))
        .subject(letter.subject)
        .header(ContentType::TEXT_PLAIN)
        .body(letter.text)
        .map_err(|error| error.to_string())
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_addresses_are_checked_when_they_are_configured() {
        Smtp::new("smtp://user:secret@localhost:2525", "alarms@example.org").expect("fine");
        let refused = Smtp::new("http://user:secret@localhost", "alarms@example.org");
        let text = refused.expect_err("it is no mail server").to_string();
        assert!(
            text.starts_with("http://…@localhost is no mail server"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
        Smtp::new("smtp://localhost", "nobody").expect_err("it is no address");
    }
}
