//! The data folder's disk is full: what does not fit is refused in words, what was accepted is
//! kept, and everything works again as soon as there is room.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use std::time::Duration;

use crate::support::{Serving, SmallDisk, TERRELLA, eventually};
use crate::system::{Account, definition, network, push};

fn serve(disk: &SmallDisk) -> Serving {
    Serving::spawn(
        disk.command(TERRELLA)
            .arg("--data-dir")
            .arg(disk.path.join("data"))
            .args(["serve", "--port", "0", "--no-machine"]),
    )
}

fn create_group(region: &Serving, name: &str) -> (u16, Value) {
    region.json(
        "logs",
        "Logs_20140328.CreateLogGroup",
        &json!({"logGroupName": name}),
    )
}

fn groups(region: &Serving) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({});
        if !token.is_null() {
            input["nextToken"] = token;
        }
        let (status, answer) = region.json("logs", "Logs_20140328.DescribeLogGroups", &input);
        assert_eq!(status, 200, "{answer}");
        for group in answer["logGroups"].as_array().expect("groups") {
            found.insert(group["logGroupName"].as_str().expect("a name").to_owned());
        }
        token = answer["nextToken"].clone();
        if token.is_null() {
            return found;
        }
    }
}

fn say(region: &Serving, message: &str) -> (u16, Value) {
    let now = jiff::Timestamp::now().as_millisecond();
    region.json(
        "logs",
        "Logs_20140328.PutLogEvents",
        &json!({
            "logGroupName": "first", "logStreamName": "s",
            "logEvents": [{"timestamp": now, "message": message}],
        }),
    )
}

fn said(region: &Serving) -> Vec<String> {
    let (status, answer) = region.json(
        "logs",
        "Logs_20140328.GetLogEvents",
        &json!({"logGroupName": "first", "logStreamName": "s", "startFromHead": true}),
    );
    assert_eq!(status, 200, "{answer}");
    let events = answer["events"].as_array().expect("events").iter();
    events
        .map(|event| event["message"].as_str().expect("text")[..4].to_owned())
        .collect()
}

fn put_object(region: &Serving, name: &str, body: &str) -> (u16, String) {
    let length = format!("@{body}");
    region.curl(
        "s3",
        &format!("/bucket/{name}"),
        &["--request", "PUT", "--data-binary", &length],
    )
}

fn get_object(region: &Serving, name: &str) -> (u16, usize) {
    let (status, body) = region.curl("s3", &format!("/bucket/{name}"), &[]);
    (status, body.len())
}

/// Pushes a blob in one request, as its digest.
fn push_blob(region: &Serving, file: &str, digest: &str) -> (u16, String) {
    let output = std::process::Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "30",
            "--user",
            "test:test",
        ])
        .args(["--write-out", "\n%{http_code}", "--data-binary"])
        .arg(format!("@{file}"))
        .args(["--header", "content-type: application/octet-stream"])
        .arg(format!(
            "http://{}/v2/app/blobs/uploads/?digest={digest}",
            region.address
        ))
        .output()
        .expect("curl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a status"), body.to_owned())
}

#[test]
fn a_full_disk_refuses_in_words_and_loses_nothing() {
    let disk = SmallDisk::new(24);
    let outside = tempfile::tempdir().expect("a folder");
    let file = |name: &str, size: usize| {
        let path = outside.path().join(name);
        std::fs::write(&path, vec![b'x'; size]).expect("written");
        path.to_string_lossy().into_owned()
    };
    let (small, large) = (file("small", 1000), file("large", 3_000_000));
    let digest = |path: &str| {
        let bytes = std::fs::read(path).expect("it");
        let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
        format!("sha256:{}", hex::encode(hash))
    };

    let region = serve(&disk);
    assert_eq!(create_group(&region, "first").0, 200);
    let stream = json!({"logGroupName": "first", "logStreamName": "s"});
    let created = region.json("logs", "Logs_20140328.CreateLogStream", &stream);
    assert_eq!(created.0, 200, "{}", created.1);
    assert_eq!(say(&region, "one.").0, 200);
    let place = "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>";
    let made = region.curl("s3", "/bucket", &["--request", "PUT", "--data", place]);
    assert_eq!(made.0, 200, "{}", made.1);
    assert_eq!(put_object(&region, "before", &small).0, 200);
    let target = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
    let repository = region.json("ecr", target, &json!({"repositoryName": "app"}));
    assert_eq!(repository.0, 200, "{}", repository.1);
    assert_eq!(push_blob(&region, &small, &digest(&small)).0, 201);

    let filler = disk.fill();
    // Bytes.
    let (status, text) = put_object(&region, "during", &large);
    assert_eq!(status, 500, "{text}");
    assert!(text.contains("is the disk full?"), "{text}");
    let (status, text) = push_blob(&region, &large, &digest(&large));
    assert_eq!(status, 500, "{text}");
    assert!(text.contains("is the disk full?"), "{text}");
    // Rows: the store has some room of its own first.
    let mut accepted = BTreeSet::from(["first".to_owned()]);
    let refused = (0..5000).find_map(|number| {
        let name = format!("{number:04}-{}", "n".repeat(400));
        let (status, answer) = create_group(&region, &name);
        if status == 200 {
            accepted.insert(name);
            return None;
        }
        Some((status, answer))
    });
    let (status, answer) = refused.expect("the disk is full at last");
    assert_eq!(status, 500, "{answer}");
    assert!(
        answer.to_string().contains("because the disk is full"),
        "{answer}"
    );
    let (status, answer) = say(&region, &format!("two.{}", "m".repeat(100_000)));
    assert_eq!(status, 500, "{answer}");
    assert!(answer.to_string().contains("the disk"), "{answer}");
    // Who only looks is answered, and from what was accepted.
    assert_eq!(groups(&region), accepted);
    assert_eq!(said(&region), ["one."]);
    assert_eq!(get_object(&region, "before"), (200, 1000));
    assert_eq!(get_object(&region, "during").0, 404);

    std::fs::remove_file(filler).expect("there is room");
    assert_eq!(create_group(&region, "after").0, 200);
    accepted.insert("after".to_owned());
    assert_eq!(say(&region, "thre").0, 200);
    assert_eq!(put_object(&region, "after", &large).0, 200);
    assert_eq!(push_blob(&region, &large, &digest(&large)).0, 201);

    // The next process finds just that.
    region.end(Signal::SIGKILL);
    let region = serve(&disk);
    assert_eq!(groups(&region), accepted);
    assert_eq!(said(&region), ["one.", "thre"]);
    assert_eq!(get_object(&region, "before"), (200, 1000));
    assert_eq!(get_object(&region, "during").0, 404);
    assert_eq!(get_object(&region, "after"), (200, 3_000_000));
}

#[test]
fn a_region_does_not_begin_on_a_full_disk() {
    let disk = SmallDisk::new(1);
    disk.fill();
    let output = disk
        .command(TERRELLA)
        .arg("--data-dir")
        .arg(disk.path.join("data"))
        .args(["serve", "--port", "0", "--no-machine"])
        .output()
        .expect("it runs");
    let text = crate::support::refusal(&output);
    assert!(text.contains("the disk is full: make room"), "{text}");
}

/// The reason a task ended with, once it has; nothing once it runs.
fn end_of_task(account: &Account) -> Option<String> {
    let (_, subnets, group) = network(account);
    let ran = account.ecs(
        "RunTask",
        &json!({
            "cluster": "main", "taskDefinition": "app", "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": subnets, "securityGroups": [group], "assignPublicIp": "ENABLED",
            }},
        }),
    );
    let arn = &ran["tasks"][0]["taskArn"];
    eventually("the task runs or ends", Duration::from_secs(30), || {
        let seen = account.ecs("DescribeTasks", &json!({"cluster": "main", "tasks": [arn]}));
        let task = &seen["tasks"][0];
        match task["lastStatus"].as_str() {
            Some("RUNNING") => Some(None),
            Some("STOPPED") => {
                assert_eq!(task["stopCode"], "TaskFailedToStart");
                Some(Some(
                    task["stoppedReason"].as_str().expect("one").to_owned(),
                ))
            }
            _ => None,
        }
    })
}

#[test]
fn an_image_for_which_there_is_no_room_is_not_run_until_there_is() {
    let disk = SmallDisk::new(64);
    let outside = tempfile::tempdir().expect("a folder");
    let region = Serving::spawn(
        disk.command(TERRELLA)
            .arg("--data-dir")
            .arg(disk.path.join("data"))
            .args(["serve", "--port", "0", "--die-with-parent"]),
    );
    let account = Account { region: &region };
    let image = push(&region, outside.path());
    definition(&account, &image);
    let filler = disk.fill();
    let file = std::fs::File::options().write(true).open(&filler);
    let file = file.expect("the filler");
    let size = file.metadata().expect("it").len();
    // Enough for rows, too little for the program.
    file.set_len(size - (4 << 20)).expect("some room");
    drop(file);
    let reason = end_of_task(&account).expect("it cannot run");
    assert!(reason.starts_with("CannotPullContainerError: "), "{reason}");
    assert!(
        reason.to_lowercase().contains("no space left on device"),
        "{reason}"
    );
    std::fs::remove_file(&filler).expect("room");
    assert_eq!(end_of_task(&account), None);
}
