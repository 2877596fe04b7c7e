//! `cargo xtask models`: extracts `models/<service>.json` from the installed botocore package.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::model::{Model, Source};
use crate::scope;

/// Prints the newest model of a service with where it lies. Python does it because the
/// package may hold its models compressed.
const READER: &str = r#"
import glob, gzip, hashlib, json, os, sys
import botocore
data = os.path.join(os.path.dirname(botocore.__file__), "data")
path = sorted(glob.glob(os.path.join(data, sys.argv[1], "*", "service-2.json*")))[-1]
text = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
json.dump({
    "version": botocore.__version__,
    "file": os.path.relpath(path, data).removesuffix(".gz"),
    "sha256": hashlib.sha256(text).hexdigest(),
    "model": json.loads(text),
}, sys.stdout)
"#;

/// Where a model's enum is not what the service answers: service, enum, and the values in truth.
const CORRECTIONS: &[(&str, &str, &[&str])] = &[
    // An attached internet gateway is `available`; the enum knows only interface attachments.
    (
        "ec2",
        "AttachmentStatus",
        &[
            "attaching",
            "attached",
            "detaching",
            "detached",
            "available",
        ],
    ),
    // The answer is `nat_gateway`.
    ("ec2", "NetworkInterfaceType", &["natGateway=nat_gateway"]),
    // The states of a VPC endpoint come in lower camel case, and clients wait for those.
    (
        "ec2",
        "State",
        &[
            "pendingAcceptance",
            "pending",
            "available",
            "deleting",
            "deleted",
            "rejected",
            "failed",
            "expired",
            "partial",
        ],
    ),
];

#[derive(Deserialize)]
struct Installed {
    version: String,
    file: String,
    sha256: String,
    model: Model,
}

pub(crate) fn extract(root: &Path) -> Result<()> {
    for (id, service) in scope::read(root)? {
        let installed = installed(&service.source)?;
        let mut model = installed.model;
        model.source = Some(Source {
            package: "botocore".to_owned(),
            version: installed.version,
            file: installed.file,
            sha256: installed.sha256,
        });
        trim(&mut model, &service.operations).with_context(|| format!("trimming {id}"))?;
        correct(&mut model, &id).with_context(|| format!("correcting {id}"))?;
        let mut text = serde_json::to_string_pretty(&model).context("writing a model as JSON")?;
        text.push('\n');
        let path = root.join(format!("models/{id}.json"));
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn installed(source: &str) -> Result<Installed> {
    let output = Command::new("python3")
        .args(["-c", READER, source])
        .output()
        .context("running python3 to find botocore")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("reading botocore's model of {source}: {text}");
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("parsing the model of {source}"))
}

/// Keeps the operations in scope and the shapes that they reach.
fn trim(model: &mut Model, operations: &[String]) -> Result<()> {
    model.all_operations = model.operations.keys().cloned().collect();
    for name in operations {
        ensure!(
            model.operations.contains_key(name),
            "there is no operation {name}"
        );
    }
    ensure!(
        operations.is_sorted(),
        "the operations in scope are not sorted"
    );
    if model
        .metadata
        .protocols
        .iter()
        .any(|name| name.starts_with("rest"))
    {
        let left_out = model
            .operations
            .iter()
            .filter(|(name, _)| operations.binary_search(name).is_err());
        model.unbuilt = left_out
            .map(|(name, operation)| (name.clone(), operation.http.clone()))
            .collect();
    }
    model
        .operations
        .retain(|name, _| operations.binary_search(name).is_ok());

    let mut reached = BTreeSet::new();
    let mut next: Vec<String> = Vec::new();
    for operation in model.operations.values() {
        let shapes = operation
            .input
            .iter()
            .chain(&operation.output)
            .chain(&operation.errors);
        next.extend(shapes.map(|reference| reference.shape.clone()));
    }
    while let Some(name) = next.pop() {
        let shape = model
            .shapes
            .get(&name)
            .with_context(|| format!("there is no shape {name}"))?;
        if reached.insert(name) {
            next.extend(shape.uses().map(str::to_owned));
        }
    }
    model.shapes.retain(|name, _| reached.contains(name));
    Ok(())
}

/// Applies [`CORRECTIONS`]: a list replaces an enum's values, `old=new` changes one of them.
fn correct(model: &mut Model, service: &str) -> Result<()> {
    for (_, name, values) in CORRECTIONS.iter().filter(|(of, ..)| *of == service) {
        let shape = model
            .shapes
            .get_mut(*name)
            .with_context(|| format!("there is no shape {name}"))?;
        if let [one] = values
            && let Some((old, new)) = one.split_once('=')
        {
            for value in shape.values.iter_mut().filter(|value| *value == old) {
                new.clone_into(value);
            }
        } else {
            shape.values = values.iter().map(|value| (*value).to_owned()).collect();
        }
    }
    Ok(())
}
