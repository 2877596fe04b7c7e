//! `terrella inbox`: the region's own mailbox, read in a terminal.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mail_parser::MessageParser;
use serde::Serialize;

use crate::running;

const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// For scripts: one mail a line.
    #[arg(long, global = true)]
    json: bool,
    /// Show mails as they come, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show one mail.
    Show {
        /// Its number in the list; the newest when not given.
        number: Option<usize>,
    },
    /// Confirm the subscriptions that mails ask to confirm.
    Confirm {
        /// The number of one such mail; all of them when not given.
        number: Option<usize>,
    },
}

/// A mail as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Mail {
    /// From 1, the oldest first.
    number: usize,
    at: String,
    from: String,
    to: String,
    subject: String,
    /// What confirms the subscription that the mail asks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation: Option<Confirmation>,
    text: String,
    #[serde(skip)]
    file: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Confirmation {
    url: String,
    topic_arn: String,
    token: String,
}

pub(crate) fn run(data: &Path, arguments: &Arguments) -> Result<()> {
    let folder = courier::mailbox(data);
    if arguments.follow {
        if arguments.command.is_some() {
            bail!("--follow shows mails as they come; it goes with no further command");
        }
        return follow(&folder, arguments.json);
    }
    let mails = read(&folder)?;
    match &arguments.command {
        None if arguments.json => each_as_json(&mails),
        None => {
            print!("{}", listed(&mails));
            Ok(())
        }
        Some(Command::Show { number }) => {
            let mail = chosen(&mails, *number)?;
            if arguments.json {
                each_as_json(std::slice::from_ref(mail))?;
            } else {
                print!("{}", shown(mail));
            }
            mark_read(&folder, mail)
        }
        Some(Command::Confirm { number }) => {
            let asking: Vec<&Mail> = match number {
                Some(_) => vec![chosen(&mails, *number)?],
                None => mails.iter().collect(),
            };
            confirm(data, &folder, &asking)
        }
    }
}

fn read(folder: &Path) -> Result<Vec<Mail>> {
    let mut files = Vec::new();
    for part in ["new", "cur"] {
        let path = folder.join(part);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("{} could not be read", path.display()))?,
        };
        for entry in entries {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // The name begins with the second in which it was sent.
            let second: u64 = name
                .split('.')
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            files.push((second, name, path));
        }
    }
    files.sort();
    let mut mails = Vec::new();
    for (_, _, file) in files {
        let bytes = match fs::read(&file) {
            // Somebody reads at the same time.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            bytes => bytes.with_context(|| format!("{} could not be read", file.display()))?,
        };
        if let Some(mail) = parsed(&bytes, mails.len() + 1, file) {
            mails.push(mail);
        }
    }
    Ok(mails)
}

fn parsed(bytes: &[u8], number: usize, file: PathBuf) -> Option<Mail> {
    let message = MessageParser::default().parse(bytes)?;
    let person = |address: Option<&mail_parser::Address<'_>>| {
        let first = address.and_then(|all| all.first());
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        first.map_or_else(String::new, |one| match one.name() {
            Some(name) => format!("{name} <{}>", text(one.address())),
            None => text(one.address()),
        })
    };
    let text = message
        .body_text(0)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    Some(Mail {
        number,
        at: message
            .date()
            .map(mail_parser::DateTime::to_rfc3339)
            .unwrap_or_default(),
        from: person(message.from()),
        to: person(message.to()),
        subject: message.subject().unwrap_or_default().to_owned(),
        confirmation: confirmation(&text),
        text,
        file,
    })
}

/// The link in a mail that confirms, with what it carries.
fn confirmation(text: &str) -> Option<Confirmation> {
    let url = text
        .split_whitespace()
        .find(|word| word.starts_with("http") && word.contains("/confirmation.html?"))?;
    let (_, query) = url.split_once('?')?;
    let of = |name: &str| {
        let value = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.map(str::to_owned)
    };
    Some(Confirmation {
        url: url.to_owned(),
        topic_arn: of("TopicArn")?,
        token: of("Token")?,
    })
}

fn chosen(mails: &[Mail], number: Option<usize>) -> Result<&Mail> {
    let found = match number {
        Some(number) => number.checked_sub(1).and_then(|at| mails.get(at)),
        None => mails.last(),
    };
    found.with_context(|| match (number, mails.len()) {
        (_, 0) => "there is no mail yet".to_owned(),
        (Some(number), most) => format!("there is no mail {number}: they are numbered 1 to {most}"),
        (None, _) => "there is no mail".to_owned(),
    })
}

fn listed(mails: &[Mail]) -> String {
    if mails.is_empty() {
        return "no mail yet\n".to_owned();
    }
    mails.iter().fold(String::new(), |mut out, mail| {
        let unread = if is_unread(mail) { "*" } else { " " };
        let _ = writeln!(
            out,
            "{:>4}{unread} {}  {}  {}",
            mail.number, mail.at, mail.to, mail.subject
        );
        out
    })
}

fn shown(mail: &Mail) -> String {
    format!(
        "Date: {}\nFrom: {}\nTo: {}\nSubject: {}\n\n{}\n",
        mail.at,
        mail.from,
        mail.to,
        mail.subject,
        mail.text.trim_end()
    )
}

fn each_as_json(mails: &[Mail]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for mail in mails {
        writeln!(out, "{}", serde_json::to_string(mail)?)?;
    }
    out.flush()?;
    Ok(())
}

fn follow(folder: &Path, as_json: bool) -> Result<()> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    loop {
        for mail in read(folder)? {
            if known.insert(own_name(&mail.file)) {
                let text = if as_json {
                    format!("{}\n", serde_json::to_string(&mail)?)
                } else {
                    format!("{}\n", shown(&mail))
                };
                let mut out = std::io::stdout().lock();
                // Whoever reads may have seen enough.
                if out
                    .write_all(text.as_bytes())
                    .and_then(|()| out.flush())
                    .is_err()
                {
                    return Ok(());
                }
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// A mail's name without its flags.
fn own_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split(':').next().unwrap_or_default().to_owned()
}

fn is_unread(mail: &Mail) -> bool {
    mail.file
        .parent()
        .is_some_and(|parent| parent.ends_with("new"))
}

/// As mail readers do it: a mail that was seen moves, with a flag.
fn mark_read(folder: &Path, mail: &Mail) -> Result<()> {
    if is_unread(mail) {
        let seen = folder
            .join("cur")
            .join(format!("{}:2,S", own_name(&mail.file)));
        fs::rename(&mail.file, &seen)
            .with_context(|| format!("{} could not be moved", mail.file.display()))?;
    }
    Ok(())
}

fn confirm(data: &Path, folder: &Path, mails: &[&Mail]) -> Result<()> {
    let asking: Vec<(&&Mail, &Confirmation)> = mails
        .iter()
        .filter_map(|mail| Some((mail, mail.confirmation.as_ref()?)))
        .collect();
    if asking.is_empty() {
        bail!("no mail asks for a confirmation; a mail server may have it, if one is configured");
    }
    let client = running::needed(data)?.client();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?;
    let mut seen = BTreeSet::new();
    let mut confirmed = 0;
    for (mail, confirmation) in asking {
        if !seen.insert(&confirmation.token) {
            mark_read(folder, mail)?;
            continue;
        }
        let parameters = [
            ("TopicArn", confirmation.topic_arn.as_str()),
            ("Token", &confirmation.token),
        ];
        match runtime.block_on(client.link("ConfirmSubscription", &parameters)) {
            Ok(tree) => {
                confirmed += 1;
                let arn = tree.text("ConfirmSubscriptionResult/SubscriptionArn");
                println!("{} is subscribed: {arn}", mail.to);
            }
            Err(client::Error::Refused { message, .. }) => println!(
                "{} is not subscribed to {}: {message}",
                mail.to, confirmation.topic_arn
            ),
            Err(error) => return Err(error.into()),
        }
        mark_read(folder, mail)?;
    }
    if confirmed == 0 {
        bail!("no subscription could be confirmed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Message-ID: <1@sns.amazonaws.com>\r\nFrom: AWS Notifications <no-reply@sns.amazonaws.com>\r\nTo: ops@example.org\r\nDate: Mon, 05 Jan 2026 08:00:00 +0000\r\nSubject: AWS Notification - Subscription Confirmation\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nTo confirm, visit:\r\nhttp://127.0.0.1:4566/confirmation.html?TopicArn=3Darn:aws:sns:eu-centra=\r\nl-1:000000000000:alarms&Token=3Dabc&Endpoint=3Dops@example.org\r\n";

    fn mailbox() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["tmp", "new", "cur"] {
            fs::create_dir(folder.path().join(part)).expect("made");
        }
        fs::write(folder.path().join("new/20.b_0.terrella"), MAIL).expect("written");
        fs::write(
            folder.path().join("cur/9.a_0.terrella:2,S"),
            MAIL.replace("ops@", "dev@"),
        )
        .expect("written");
        folder
    }

    #[test]
    fn mails_are_listed_shown_and_marked() {
        let folder = mailbox();
        let mails = read(folder.path()).expect("read");
        assert_eq!(
            listed(&mails),
            "   1  2026-01-05T08:00:00Z  dev@example.org  AWS Notification - Subscription Confirmation\n   \
             2* 2026-01-05T08:00:00Z  ops@example.org  AWS Notification - Subscription Confirmation\n"
        );
        let newest = chosen(&mails, None).expect("there is one");
        assert_eq!(
            newest
                .confirmation
                .as_ref()
                .map(|one| (one.topic_arn.as_str(), one.token.as_str())),
            Some(("arn:aws:sns:eu-central-1:000000000000:alarms", "abc"))
        );
        assert!(shown(newest).starts_with("Date: 2026-01-05T08:00:00Z\nFrom: AWS Notifications <no-reply@sns.amazonaws.com>\nTo: ops@example.org\n"));
        mark_read(folder.path(), newest).expect("moved");
        let mails = read(folder.path()).expect("read");
        assert!(!listed(&mails).contains('*'));
        assert_eq!(mails.len(), 2);
        chosen(&mails, Some(3)).expect_err("there is no third");
        chosen(&mails, Some(0)).expect_err("they begin with one");
    }

    #[test]
    fn a_mailbox_that_is_not_there_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(&folder.path().join("mail")).expect("read"), []);
        assert_eq!(listed(&[]), "no mail yet\n");
    }
}
