use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use image::{BinaryError, BuildError, Builder};

use crate::{build, builder, skopeo};

#[test]
fn the_same_input_gives_the_same_image() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (layout_one, built_one) = build(one.path());
    let (layout_two, built_two) = build(two.path());
    assert_eq!(built_one, built_two);
    assert_eq!(tree(&layout_one), tree(&layout_two));
    // Built over an existing layout, too.
    assert_eq!(build(one.path()).1, built_two);
    assert_eq!(tree(&layout_one), tree(&layout_two));

    let mut other = builder(one.path());
    other.labels.insert("f".to_owned(), "6".to_owned());
    let other = other.build(&layout_one).unwrap();
    assert_ne!(other.manifest_digest, built_one.manifest_digest);
    assert_eq!(other.layer_digests, built_one.layer_digests);
}

#[test]
fn skopeo_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, built) = build(dir.path());
    let source = format!("oci:{}", layout.display());
    let seen: serde_json::Value = serde_json::from_str(&skopeo(&["inspect", &source])).unwrap();
    assert_eq!(seen["Digest"], built.manifest_digest);
    assert_eq!(seen["Architecture"], "amd64");
    assert_eq!(seen["Os"], "linux");
    assert_eq!(seen["Layers"], serde_json::json!(built.layer_digests));
    assert_eq!(seen["Labels"]["e"], "5");

    let config: serde_json::Value =
        serde_json::from_str(&skopeo(&["inspect", "--config", &source])).unwrap();
    assert_eq!(
        config["config"],
        serde_json::json!({
            "User": "65532:65532",
            "ExposedPorts": {"8080/tcp": {}, "9090/tcp": {}},
            "Env": ["LOG=info", "PORT=8080"],
            "Entrypoint": ["/links"],
            "Cmd": ["serve"],
            "WorkingDir": "/",
            "Labels": {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"},
            "StopSignal": "SIGTERM",
        })
    );
    // Copying reads every blob and compares its digest.
    skopeo(&[
        "copy",
        &source,
        &format!("dir:{}", dir.path().join("copy").display()),
    ]);
}

#[test]
fn the_root_file_system_is_what_a_static_program_needs() {
    let dir = tempfile::tempdir().unwrap();
    let ca_bundle = dir.path().join("ca.pem");
    fs::write(&ca_bundle, "certificates").unwrap();
    let layout = dir.path().join("layout");
    let built = Builder {
        ca_bundle: Some(ca_bundle),
        ..builder(dir.path())
    }
    .build(&layout)
    .unwrap();
    let entries: Vec<_> = built
        .layer_digests
        .iter()
        .flat_map(|digest| list(&layout, digest))
        .collect();
    assert_eq!(
        entries,
        [
            "drwx 755 0 etc/",
            "file 644 0 etc/group 27",
            "file 644 0 etc/nsswitch.conf 17",
            "file 644 0 etc/passwd 90",
            "drwx 755 0 etc/ssl/",
            "drwx 755 0 etc/ssl/certs/",
            "file 644 0 etc/ssl/certs/ca-certificates.crt 12",
            "drwx 755 0 home/",
            "drwx 700 65532 home/nonroot/",
            "drwx 1777 0 tmp/",
            "file 755 0 links 4096",
        ]
    );
}

#[test]
fn what_cannot_be_an_image_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let layout = dir.path().join("layout");
    let good = builder(dir.path());
    let refused = |builder: Builder| builder.build(&layout).expect_err("must be refused");

    let dynamic = refused(Builder {
        binary: std::env::current_exe().unwrap(),
        ..good.clone()
    });
    assert!(
        matches!(dynamic, BuildError::Binary(BinaryError::Dynamic { .. })),
        "{dynamic}"
    );
    let missing = refused(Builder {
        binary: dir.path().join("none"),
        ..good.clone()
    });
    assert!(missing.to_string().contains("build it first"), "{missing}");
    for name in ["", "../links", "Links", "a/b"] {
        let named = refused(Builder {
            name: name.to_owned(),
            ..good.clone()
        });
        assert!(matches!(named, BuildError::Name { .. }), "{named}");
    }
    assert!(!layout.exists());

    fs::create_dir(&layout).unwrap();
    fs::write(layout.join("thesis.txt"), "years of work").unwrap();
    let occupied = refused(good);
    assert!(
        matches!(occupied, BuildError::Occupied { .. }),
        "{occupied}"
    );
    assert_eq!(
        fs::read_to_string(layout.join("thesis.txt")).unwrap(),
        "years of work"
    );
}

/// Every file below, with its content.
fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            for (inner, bytes) in tree(&path) {
                files.insert(format!("{name}/{inner}"), bytes);
            }
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
    files
}

/// A layer's entries: kind, mode, owner, path and, of a file, size.
fn list(layout: &Path, digest: &str) -> Vec<String> {
    let path = layout.join("blobs").join(digest.replace(':', "/"));
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.mtime().unwrap(), 0);
        assert_eq!(header.uid().unwrap(), header.gid().unwrap());
        let (mode, owner) = (header.mode().unwrap(), header.uid().unwrap());
        let path = entry.path().unwrap().display().to_string();
        if header.entry_type().is_dir() {
            format!("drwx {mode:o} {owner} {}/", path.trim_end_matches('/'))
        } else {
            format!("file {mode:o} {owner} {path} {}", entry.size())
        }
    });
    entries.collect()
}
