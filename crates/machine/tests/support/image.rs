//! Images for tests: a static program written in C for the occasion, packed by hand into the
//! region's blob folder.
#![allow(unreachable_pub, reason = "each test binary uses some of it")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};
use world::task::{Container, Image, Layer};

/// A program that does what its arguments say, one after the other.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void on_signal(int number) {
  char text[64];
  int length = snprintf(text, sizeof text, "signal %d\n", number);
  if (write(1, text, length) < 0) _exit(98);
  _exit(7);
}

int main(int count, char **words) {
  for (int at = 1; at < count; at++) {
    char *word = words[at], *value = strchr(word, '=');
    if (value) *value++ = 0;
    if (!strcmp(word, "say")) printf("%s\n", value);
    else if (!strcmp(word, "complain")) fprintf(stderr, "%s\n", value);
    else if (!strcmp(word, "env")) printf("%s=%s\n", value, getenv(value) ? getenv(value) : "(none)");
    else if (!strcmp(word, "id")) {
      char cwd[256];
      printf("uid=%d gid=%d pid=%d cwd=%s\n", getuid(), getgid(), getpid(), getcwd(cwd, sizeof cwd));
    } else if (!strcmp(word, "cat")) {
      char text[65536];
      int file = open(value, O_RDONLY), length;
      if (file < 0) { printf("%s: %s\n", value, strerror(errno)); continue; }
      while ((length = read(file, text, sizeof text)) > 0) { fflush(stdout); if (write(1, text, length) < 0) return 99; }
      close(file);
    } else if (!strcmp(word, "touch")) {
      int file = open(value, O_CREAT | O_WRONLY, 0644);
      printf("touch %s: %s\n", value, file < 0 ? strerror(errno) : "done");
      if (file >= 0) close(file);
    } else if (!strcmp(word, "time")) {
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      printf("%lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    } else if (!strcmp(word, "mknod")) printf("mknod: %s\n", mknod(value, S_IFBLK | 0600, 8 << 8) ? strerror(errno) : "done");
    else if (!strcmp(word, "mount")) printf("mount: %s\n", mount("none", value, "tmpfs", 0, "") ? strerror(errno) : "done");
    else if (!strcmp(word, "unshare")) printf("unshare: %s\n", unshare(CLONE_NEWUSER) ? strerror(errno) : "done");
    else if (!strcmp(word, "trap")) signal(atoi(value), on_signal);
    else if (!strcmp(word, "ignore")) signal(atoi(value), SIG_IGN);
    else if (!strcmp(word, "eat")) {
      long size = atol(value) << 20;
      char *memory = malloc(size);
      for (long byte = 0; memory && byte < size; byte += 4096) memory[byte] = 1;
      printf("ate %s\n", value);
    } else if (!strcmp(word, "spin")) {
      struct timespec used;
      do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < atol(value));
    } else if (!strcmp(word, "wait")) { fflush(stdout); for (;;) pause(); }
    else if (!strcmp(word, "exit")) return atoi(value);
    fflush(stdout);
  }
  return 0;
}
"#;

fn program() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (source, program) = (folder.path().join("t.c"), folder.path().join("t"));
        fs::write(&source, SOURCE).expect("the source");
        let status = Command::new("cc")
            .args(["-static", "-O1", "-o"])
            .args([&program, &source])
            .status()
            .expect("these tests need a C compiler (gcc, libc6-dev)");
        assert!(status.success(), "the test program does not compile");
        fs::read(program).expect("the program")
    })
}

pub fn keep(data: &Path, bytes: &[u8]) -> String {
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
    let path = machine::host::blob_path(data, &digest);
    fs::create_dir_all(path.parent().expect("a folder")).expect("the blob folder");
    fs::write(path, bytes).expect("a blob");
    digest
}

fn layer(data: &Path, files: &[(&str, u32, &[u8])]) -> Layer {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        tar.append_data(&mut header, path, *bytes)
            .expect("an entry");
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.into_inner().expect("an archive"))
        .expect("compressed");
    Layer {
        digest: keep(data, &gzip.finish().expect("compressed")),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
    }
}

/// An image of two layers with the program as `/t`. `config` is what the image says of itself.
pub fn image(data: &Path, config: &str) -> Image {
    let base = layer(
        data,
        &[
            ("t", 0o755, program()),
            ("broken", 0o755, b"\x7fELF nonsense"),
            (
                "etc/passwd",
                0o644,
                b"root:x:0:0::/root:/t\napp:x:1000:1001::/home/app:/t\n",
            ),
            ("etc/group", 0o644, b"root:x:0:\napp:x:1001:\n"),
            ("hidden", 0o644, b"from the lower layer"),
        ],
    );
    let top = layer(
        data,
        &[(".wh.hidden", 0o644, b""), ("motd", 0o644, b"good day\n")],
    );
    Image {
        reference: "example/app:1".into(),
        manifest_digest: String::new(),
        config_digest: keep(data, config.as_bytes()),
        layers: vec![base, top],
    }
}

/// An essential container that runs the program with these arguments.
pub fn container(name: &str, image: &Image, arguments: &[&str]) -> Container {
    Container {
        name: name.into(),
        runtime_id: format!("0123456789abcdef0123456789abcdef-{name}"),
        image: image.clone(),
        entry_point: Some(vec!["/t".into()]),
        command: Some(arguments.iter().map(|word| (*word).to_owned()).collect()),
        environment: std::collections::BTreeMap::new(),
        files: std::collections::BTreeMap::new(),
        working_directory: None,
        user: None,
        readonly_root_filesystem: false,
        essential: true,
        memory_mib: None,
        cpu_units: None,
        ulimits: Vec::new(),
        add_capabilities: Vec::new(),
        drop_capabilities: Vec::new(),
        init_process: false,
        health_check: None,
        depends_on: Vec::new(),
        stop_timeout: 30,
        log: Some(world::task::LogConfiguration {
            group: "/ecs/app".into(),
            stream: format!("ecs/{name}/1"),
        }),
    }
}
