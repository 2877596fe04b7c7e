//! Paths that an image could bring to have something made, or mounted, outside its root.

use std::fs::{self, Permissions};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use pathrs::flags::OpenFlags;
use pathrs::{Handle, Root};
use tempfile::TempDir;

const NEW: OpenFlags = OpenFlags::O_EXCL
    .union(OpenFlags::O_CREAT)
    .union(OpenFlags::O_NOFOLLOW);

/// A root next to a directory that nobody may reach from it.
struct Jail {
    folder: TempDir,
    root: Root,
}

impl Jail {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("root/etc")).expect("a root");
        fs::create_dir(folder.path().join("outside")).expect("an outside");
        fs::write(folder.path().join("outside/secret"), "mine").expect("a secret");
        let root = Root::open(folder.path().join("root")).expect("a root");
        Self { folder, root }
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    fn link(&self, at: &str, to: impl AsRef<Path>) {
        symlink(to, self.inside(at)).expect("a link");
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    fn outside_is_untouched(&self) {
        let names: Vec<_> = fs::read_dir(self.outside())
            .expect("the outside")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, ["secret"]);
    }
}

fn place(handle: &Handle) -> PathBuf {
    use std::os::fd::AsFd as _;
    fs::read_link(format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd())).expect("its path")
}

fn rwx() -> Permissions {
    Permissions::from_mode(0o755)
}

#[test]
fn a_path_is_found_below_the_root_whether_it_is_absolute_or_not() {
    let jail = Jail::new();
    for path in [
        "etc",
        "/etc",
        "//etc/.",
        "etc/../etc",
        "../../etc",
        "/../etc",
    ] {
        let found = jail.root.resolve(path).expect(path);
        assert_eq!(place(&found), jail.inside("etc"), "{path}");
    }
    assert_eq!(
        place(&jail.root.resolve("/").expect("the root")),
        jail.inside("")
    );
}

#[test]
fn links_lead_nowhere_but_into_the_root() {
    let jail = Jail::new();
    jail.link("absolute", jail.outside());
    jail.link("climbing", "../outside");
    jail.link("far", "../../../../../../../../../../etc");
    jail.link("loop", "loop");
    for path in ["absolute/secret", "climbing/secret", "absolute", "climbing"] {
        let error = jail.root.resolve(path).expect_err(path);
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{path}");
    }
    // The root's own, not the host's.
    assert_eq!(
        place(&jail.root.resolve("far").expect("found")),
        jail.inside("etc")
    );
    let error = jail.root.resolve("loop").expect_err("it never ends");
    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::LOOP.raw_os_error())
    );
}

#[test]
fn links_of_procfs_that_jump_are_not_followed() {
    // As a container's root would have it: `self/root` is no text but the root of the process.
    let root = Root::open("/proc").expect("procfs");
    for path in ["self/root/etc", "self/cwd"] {
        let error = root.resolve(path).expect_err(path);
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::LOOP.raw_os_error()),
            "{path}"
        );
    }
}

#[test]
fn directories_are_made_where_a_link_inside_leads() {
    let jail = Jail::new();
    jail.link("var", "/etc");
    let made = jail.root.mkdir_all("/var/run/deep", &rwx()).expect("made");
    assert_eq!(place(&made), jail.inside("etc/run/deep"));
    // Again: it is there.
    let again = jail.root.mkdir_all("var/run/deep", &rwx()).expect("there");
    assert_eq!(place(&again), place(&made));
    let mode = fs::metadata(jail.inside("etc/run"))
        .expect("it")
        .permissions();
    assert_eq!(mode.mode() & 0o022, 0);
}

#[test]
fn no_directory_is_made_outside() {
    let jail = Jail::new();
    jail.link("absolute", jail.outside());
    jail.link("climbing", "../outside");
    jail.link("nowhere", "/missing");
    fs::write(jail.inside("file"), "").expect("a file");
    for path in [
        "absolute/new",
        "climbing/new",
        "nowhere",
        "nowhere/new",
        "missing/../../new",
        "file/new",
        "file",
    ] {
        jail.root.mkdir_all(path, &rwx()).expect_err(path);
    }
    jail.outside_is_untouched();
    assert!(!jail.inside("missing").exists());
    // Climbing over what is there stops at the root.
    let made = jail.root.mkdir_all("/../../new", &rwx()).expect("made");
    assert_eq!(place(&made), jail.inside("new"));
}

#[test]
fn a_file_is_made_once_and_never_through_a_link() {
    let jail = Jail::new();
    let permissions = Permissions::from_mode(0o100_640);
    jail.root
        .create_file("/etc/hosts", NEW, &permissions)
        .expect("made");
    let mode = fs::metadata(jail.inside("etc/hosts"))
        .expect("it")
        .permissions();
    assert_eq!(mode.mode() & 0o7777, 0o640);
    jail.link("etc/hard", jail.outside().join("secret"));
    jail.link("etc/new", jail.outside().join("new"));
    jail.link("out", jail.outside());
    for path in [
        "etc/hosts",
        "etc/hard",
        "etc/new",
        "out/new",
        "etc/",
        "etc/a/",
        "etc/a/.",
        "..",
        "/",
        "",
        "missing/new",
    ] {
        jail.root
            .create_file(path, NEW, &permissions)
            .expect_err(path);
    }
    // Nor without O_EXCL, which would refuse links by itself.
    jail.root
        .create_file("etc/new", OpenFlags::O_WRONLY, &permissions)
        .expect_err("a link");
    jail.outside_is_untouched();
    assert_eq!(
        fs::read_to_string(jail.outside().join("secret")).expect("it"),
        "mine"
    );
}

#[test]
fn a_root_is_a_directory() {
    let jail = Jail::new();
    let error = Root::open(jail.outside().join("secret")).expect_err("a file");
    assert_eq!(error.kind(), std::io::ErrorKind::NotADirectory);
    assert!(error.to_string().contains("open the root"), "{error}");
}
