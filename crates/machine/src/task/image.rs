//! What an image says about running it, and what a container definition makes of that.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use world::task::{Container, Image};

use crate::host::blob_path;

/// An image's configuration blob, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ImageConfig {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<Execution>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Execution {
    user: Option<String>,
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    stop_signal: Option<String>,
}

/// What is run in a container.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Execute {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) directory: String,
    /// As the image or the definition names it; empty is root.
    pub(crate) user: String,
    pub(crate) stop_signal: String,
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Reads an image's configuration. The error is the reason a task stops with.
pub(crate) fn read(data: &Path, image: &Image) -> Result<ImageConfig, String> {
    let digest = &image.config_digest;
    let failed = |why: String| {
        format!(
            "CannotPullContainerError: failed to unpack image {}: {why}",
            image.reference
        )
    };
    let bytes = fs::read(blob_path(data, digest))
        .map_err(|error| failed(format!("read config {digest}: {error}")))?;
    let found = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
    if &found != digest {
        return Err(failed(format!(
            "config {digest}: unexpected content digest {found}"
        )));
    }
    let config: ImageConfig = serde_json::from_slice(&bytes)
        .map_err(|error| failed(format!("config {digest}: {error}")))?;
    check_platform(&config)?;
    Ok(config)
}

fn check_platform(config: &ImageConfig) -> Result<(), String> {
    let ours = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let fits = |has: &str, wanted: &str| has.is_empty() || has == wanted;
    if fits(&config.architecture, ours) && fits(&config.os, "linux") {
        return Ok(());
    }
    Err(format!(
        "CannotPullContainerError: image Manifest does not contain descriptor matching platform \
         'linux/{ours}'"
    ))
}

/// A definition's entry point drops the image's command, its command replaces the image's.
pub(crate) fn merge(config: &ImageConfig, container: &Container) -> Result<Execute, String> {
    let image = config.config.clone().unwrap_or_default();
    let given = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
    let entry_point = given(&container.entry_point);
    let command = given(&container.command);
    let image_command = if entry_point.is_some() {
        None
    } else {
        image.cmd
    };
    let mut arguments = entry_point.or(image.entrypoint).unwrap_or_default();
    arguments.extend(command.or(image_command).unwrap_or_default());
    if arguments.is_empty() {
        return Err("no command specified".into());
    }
    let mut environment = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
    for variable in image.env.unwrap_or_default() {
        let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment.extend(container.environment.clone());
    let chosen = |ours: &Option<String>, images: Option<String>| {
        ours.clone()
            .filter(|text| !text.is_empty())
            .or(images)
            .unwrap_or_default()
    };
    let mut directory = chosen(&container.working_directory, image.working_dir);
    if !directory.starts_with('/') {
        directory.insert(0, '/');
    }
    Ok(Execute {
        arguments,
        environment,
        directory,
        user: chosen(&container.user, image.user),
        stop_signal: image
            .stop_signal
            .filter(|signal| !signal.is_empty())
            .unwrap_or_else(|| "SIGTERM".into()),
    })
}

/// A user as numbers. `passwd` and `group` are the image's own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: Option<String>,
}

/// `uid`, `uid:gid`, `name`, `name:group` or a mixture, looked up as Docker does.
pub(crate) fn user(text: &str, passwd: &str, group: &str) -> Result<User, String> {
    let (user, wanted_group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let number: Option<u32> = user.parse().ok();
    let line = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| {
            fields.len() >= 6
                && (fields[0] == user || number.is_some() && fields[2].parse().ok() == number)
        });
    let known = line.as_ref().and_then(|fields| {
        Some((
            fields[0],
            fields[2].parse::<u32>().ok()?,
            fields[3].parse::<u32>().ok()?,
            fields[5],
        ))
    });
    let uid = match (known, number) {
        (Some((_, uid, ..)), _) => uid,
        (None, Some(number)) => number,
        (None, None) => {
            return Err(format!(
                "unable to find user {user}: no matching entries in passwd file"
            ));
        }
    };
    let groups: Vec<Vec<&str>> = group
        .lines()
        .map(|line| line.split(':').collect())
        .collect();
    let id = |fields: &Vec<&str>| fields.get(2).and_then(|id| id.parse::<u32>().ok());
    let gid = match wanted_group {
        None => known.map_or(0, |(_, _, gid, _)| gid),
        Some(wanted) => groups
            .iter()
            .find(|fields| fields[0] == wanted)
            .and_then(id)
            .or_else(|| wanted.parse().ok())
            .ok_or_else(|| {
                format!("unable to find group {wanted}: no matching entries in group file")
            })?,
    };
    // The groups a user is in count only where no group was asked for.
    let member_of = match (known, wanted_group) {
        (Some((name, ..)), None) => groups
            .iter()
            .filter(|fields| {
                fields
                    .get(3)
                    .is_some_and(|members| members.split(',').any(|member| member == name))
            })
            .filter_map(id)
            .filter(|other| *other != gid)
            .collect(),
        _ => Vec::new(),
    };
    Ok(User {
        uid,
        gid,
        groups: member_of,
        home: known
            .map(|(.., home)| home.to_owned())
            .filter(|home| !home.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::container;
    use super::*;

    fn config(json: &str) -> ImageConfig {
        serde_json::from_str(json).unwrap()
    }

    fn list(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn entry_points_and_commands_merge_as_docker_merges_them() {
        let image = config(r#"{"config":{"Entrypoint":["/e"],"Cmd":["c"],"Env":["A=1","B=2"]}}"#);
        let mut app = container("app");
        assert_eq!(merge(&image, &app).unwrap().arguments, ["/e", "c"]);
        app.command = list(&["d"]);
        app.environment.insert("B".into(), "3".into());
        let run = merge(&image, &app).unwrap();
        assert_eq!(run.arguments, ["/e", "d"]);
        assert_eq!(run.environment["A"], "1");
        assert_eq!(run.environment["B"], "3");
        assert_eq!(run.environment["PATH"], PATH);
        app.command = None;
        app.entry_point = list(&["/f"]);
        assert_eq!(merge(&image, &app).unwrap().arguments, ["/f"]);
        let nothing = merge(&config("{}"), &container("app")).unwrap_err();
        assert_eq!(nothing, "no command specified");
    }

    #[test]
    fn another_architecture_is_refused_in_ecs_words() {
        assert_eq!(check_platform(&config("{}")), Ok(()));
        let reason =
            check_platform(&config(r#"{"architecture":"s390x","os":"linux"}"#)).unwrap_err();
        assert!(reason.starts_with(
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/"
        ));
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:,,,:/home/app:/bin/sh\n";
        let group = "root:x:0:\napp:x:1001:\nweb:x:33:app,other\n";
        let app = user("app", passwd, group).unwrap();
        assert_eq!(
            (app.uid, app.gid, app.groups.as_slice()),
            (1000, 1001, [33].as_slice())
        );
        assert_eq!(app.home.as_deref(), Some("/home/app"));
        assert_eq!(user("1000", passwd, group).unwrap(), app);
        let web = user("app:web", passwd, group).unwrap();
        assert_eq!((web.uid, web.gid, web.groups.len()), (1000, 33, 0));
        assert_eq!(user("7:8", "", "").unwrap().gid, 8);
        assert_eq!(user("7", "", "").unwrap().gid, 0);
        assert_eq!(user("", "", "").unwrap().uid, 0);
        assert!(
            user("nobody", passwd, group)
                .unwrap_err()
                .contains("no matching entries")
        );
    }
}
