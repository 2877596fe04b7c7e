//! Image layers on disk: each is unpacked once and shared, read-only, by every container.
//!
//! A layer becomes visible under its name only when all of it is on disk, so that a kill at any
//! moment leaves no half layer behind.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, SFlag, mknod};
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};
use world::task::Layer;

use crate::error::{Failure, Step as _, chain};
use crate::host::blob_path;

/// How this process may own files and mark them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Privileges {
    /// Overlay marks are kept in `user.` attributes instead of `trusted.` ones.
    pub(crate) user_attributes: bool,
    /// More users than one are mapped, so that files can belong to whom the image says.
    pub(crate) many_users: bool,
}

impl Privileges {
    pub(crate) fn find(rootless: bool) -> Self {
        let mapped: u64 = fs::read_to_string("/proc/self/uid_map")
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok())
            .sum();
        Self {
            user_attributes: rootless,
            many_users: mapped >= 65_536,
        }
    }
}

/// The folder of a layer, unpacking it first if that was never done. Its name is short because
/// all the names of an image's layers have to fit into one page of mount options.
pub(crate) fn ensure(
    data: &Path,
    layer: &Layer,
    privileges: Privileges,
) -> Result<String, Failure> {
    let name = short_name(&layer.digest)?;
    let folder = data.join("layers");
    fs::create_dir_all(&folder).step(|| format!("make {}", folder.display()))?;
    let target = folder.join(&name);
    if target.exists() {
        return Ok(name);
    }
    let lock_path = folder.join(format!("{name}.lock"));
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .step(|| format!("open {}", lock_path.display()))?;
    // Two tasks of one image that start together unpack it once.
    let _lock = Flock::lock(lock, FlockArg::LockExclusive)
        .map_err(|(_, error)| error)
        .step(|| format!("lock {}", lock_path.display()))?;
    if target.exists() {
        return Ok(name);
    }
    let unfinished = folder.join(format!("{name}.new"));
    remove_if_there(&unfinished)?;
    fs::create_dir(&unfinished).step(|| format!("make {}", unfinished.display()))?;
    if let Err(failure) = unpack(data, layer, &unfinished, privileges) {
        // What is left would only take up room.
        let _ = fs::remove_dir_all(&unfinished);
        return Err(Failure::new(format!(
            "failed to extract layer {}: {}",
            layer.digest,
            chain(&failure)
        )));
    }
    finish(&unfinished, &target, &folder)?;
    Ok(name)
}

fn short_name(digest: &str) -> Result<String, Failure> {
    let hash = digest.strip_prefix("sha256:").unwrap_or_default();
    if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(hash[..40].to_ascii_lowercase())
    } else {
        Err(Failure::new(format!("invalid layer digest {digest:?}")))
    }
}

fn remove_if_there(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).step(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Everything on disk first, then the name.
fn finish(unfinished: &Path, target: &Path, folder: &Path) -> Result<(), Failure> {
    let step = || format!("keep {}", target.display());
    let directory = File::open(unfinished).step(step)?;
    nix::unistd::syncfs(&directory).step(step)?;
    fs::rename(unfinished, target).step(step)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .step(step)
}

fn unpack(data: &Path, layer: &Layer, into: &Path, privileges: Privileges) -> Result<(), Failure> {
    let path = blob_path(data, &layer.digest);
    let file = File::open(&path).step(|| format!("open blob {}", layer.digest))?;
    let mut blob = Hashing::new(BufReader::with_capacity(1 << 18, file));
    let mut magic = [0; 4];
    let length = read_start(&mut blob, &mut magic).step(|| "read the blob")?;
    let start = io::Cursor::new(magic[..length].to_vec());
    // By content, not by media type: registries have been seen to mix them up.
    match magic {
        [0x1f, 0x8b, ..] => {
            let mut plain = flate2::read::MultiGzDecoder::new(start.chain(&mut blob));
            extract(&mut plain, into, privileges)?;
        }
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let mut plain = ruzstd::decoding::StreamingDecoder::new(start.chain(&mut blob))
                .step(|| "read the zstd stream")?;
            extract(&mut plain, into, privileges)?;
        }
        _ => extract(&mut start.chain(&mut blob), into, privileges)?,
    }
    let digest = blob.finish().step(|| "read the blob")?;
    if format!("sha256:{digest}") != layer.digest {
        return Err(Failure::new(format!(
            "unexpected content digest sha256:{digest}: the blob is damaged"
        )));
    }
    Ok(())
}

fn read_start(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match from.read(&mut into[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Reads through and digests what goes by.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
        }
    }

    fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(hex::encode(self.hash.finalize()))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

/// Unpacks a tar stream. `unpack_in` follows no symbolic link out of the folder; names that
/// climb out of it are refused here.
fn extract(plain: &mut impl Read, into: &Path, privileges: Privileges) -> Result<(), Failure> {
    let mut archive = Archive::new(&mut *plain);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(privileges.many_users);
    archive.set_unpack_xattrs(!privileges.user_attributes);
    archive.set_preserve_mtime(true);
    // Directories last, so that what is put into them does not change their times and a
    // read-only one can still be filled.
    let mut directories = Vec::new();
    for entry in archive.entries().step(|| "read the archive")? {
        let mut entry = entry.step(|| "read the archive")?;
        let path = inside(&entry.path().step(|| "read the archive")?)?;
        let Some(name) = path.file_name() else {
            continue;
        };
        if let Some(hidden) = name.as_bytes().strip_prefix(b".wh.") {
            let parent = into.join(path.parent().unwrap_or(Path::new("")));
            hide(&parent, into, hidden, privileges).step(|| format!("hide {}", path.display()))?;
            continue;
        }
        match entry.header().entry_type() {
            EntryType::Directory => directories.push(entry),
            // A container's devices are made by the runtime, and these could not be opened.
            EntryType::Char | EntryType::Block | EntryType::Fifo => {}
            _ => {
                let inside = entry
                    .unpack_in(into)
                    .step(|| format!("unpack {}", path.display()))?;
                if !inside {
                    return Err(Failure::new(format!(
                        "{} leads out of the layer",
                        path.display()
                    )));
                }
            }
        }
    }
    directories.sort_by(|one, other| other.path_bytes().cmp(&one.path_bytes()));
    for mut directory in directories {
        directory.unpack_in(into).step(|| "unpack a directory")?;
    }
    // The end of the stream holds its checksum.
    io::copy(plain, &mut io::sink()).step(|| "read the end of the archive")?;
    Ok(())
}

/// The path without what is not a name; climbing is refused.
fn inside(path: &Path) -> Result<PathBuf, Failure> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(Failure::new(format!(
                    "{} climbs out of the layer",
                    path.display()
                )));
            }
        }
    }
    Ok(clean)
}

/// A whiteout: the layers below are to show nothing of this name, or nothing of this folder.
fn hide(parent: &Path, root: &Path, hidden: &[u8], privileges: Privileges) -> io::Result<()> {
    fs::create_dir_all(parent)?;
    // The folder may have been reached over a link of this very layer.
    if !parent.canonicalize()?.starts_with(root.canonicalize()?) {
        return Err(io::Error::other("leads out of the layer"));
    }
    if hidden == b".wh..opq" {
        let name = if privileges.user_attributes {
            "user.overlay.opaque"
        } else {
            "trusted.overlay.opaque"
        };
        return xattr::set(parent, name, b"y");
    }
    if hidden.is_empty() || hidden.contains(&b'/') || hidden == b"." || hidden == b".." {
        return Err(io::Error::other("not a name"));
    }
    mknod(
        &parent.join(OsStr::from_bytes(hidden)),
        SFlag::S_IFCHR,
        Mode::empty(),
        nix::sys::stat::makedev(0, 0),
    )
    .map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    use super::*;

    fn privileges() -> Privileges {
        Privileges {
            user_attributes: true,
            many_users: false,
        }
    }

    /// Keeps a blob as the registry does and names it as a layer.
    fn keep(data: &Path, bytes: &[u8]) -> Layer {
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
        let path = blob_path(data, &digest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        Layer {
            digest,
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        }
    }

    fn entry(
        tar: &mut tar::Builder<Vec<u8>>,
        kind: EntryType,
        path: &str,
        link: &str,
        text: &[u8],
    ) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(text.len() as u64);
        header.set_mode(if kind == EntryType::Directory {
            0o555
        } else {
            0o644
        });
        // Set byte by byte: the library refuses what an attacker would write.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        tar.append(&header, text).unwrap();
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn a_layer_is_unpacked_once_with_its_whiteouts() {
        let data = tempfile::tempdir().unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        entry(&mut tar, EntryType::Directory, "etc/", "", b"");
        entry(&mut tar, EntryType::Regular, "etc/motd", "", b"hello");
        entry(&mut tar, EntryType::Regular, "etc/.wh.passwd", "", b"");
        entry(&mut tar, EntryType::Regular, "var/.wh..wh..opq", "", b"");
        let layer = keep(data.path(), &gzip(&tar.into_inner().unwrap()));
        let name = ensure(data.path(), &layer, privileges()).unwrap();
        let root = data.path().join("layers").join(&name);
        assert_eq!(fs::read(root.join("etc/motd")).unwrap(), b"hello");
        assert_eq!(
            fs::metadata(root.join("etc")).unwrap().mode() & 0o777,
            0o555
        );
        let whiteout = fs::symlink_metadata(root.join("etc/passwd")).unwrap();
        assert!(whiteout.file_type().is_char_device());
        assert_eq!(whiteout.rdev(), 0);
        let opaque = xattr::get(root.join("var"), "user.overlay.opaque").unwrap();
        assert_eq!(opaque.as_deref(), Some(b"y".as_slice()));
        // The blob is not needed again.
        fs::remove_file(blob_path(data.path(), &layer.digest)).unwrap();
        assert_eq!(ensure(data.path(), &layer, privileges()).unwrap(), name);
    }

    #[test]
    fn nothing_is_written_outside_the_layer() {
        for (kind, path, link) in [
            (EntryType::Regular, "../outside", ""),
            (EntryType::Regular, "a/../../outside", ""),
            (EntryType::Link, "inner", "../../outside"),
        ] {
            let data = tempfile::tempdir().unwrap();
            let mut tar = tar::Builder::new(Vec::new());
            entry(&mut tar, kind, path, link, b"");
            let layer = keep(data.path(), &tar.into_inner().unwrap());
            let failure = ensure(data.path(), &layer, privileges()).unwrap_err();
            assert!(
                failure
                    .to_string()
                    .starts_with("failed to extract layer sha256:"),
                "{failure}"
            );
            let left: Vec<_> = fs::read_dir(data.path().join("layers"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert!(
                left.iter()
                    .all(|name| Path::new(name).extension() == Some(OsStr::new("lock"))),
                "{left:?}"
            );
        }
    }

    #[test]
    fn a_link_in_the_layer_does_not_lead_writes_out_of_it() {
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().to_str().unwrap();
        for victim in ["link/file", "link/.wh.file"] {
            let data = tempfile::tempdir().unwrap();
            let mut tar = tar::Builder::new(Vec::new());
            entry(&mut tar, EntryType::Symlink, "link", target, b"");
            entry(&mut tar, EntryType::Regular, victim, "", b"bad");
            let layer = keep(data.path(), &tar.into_inner().unwrap());
            assert!(ensure(data.path(), &layer, privileges()).is_err());
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_damaged_blob_is_not_kept() {
        let data = tempfile::tempdir().unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        entry(&mut tar, EntryType::Regular, "file", "", b"text");
        let bytes = gzip(&tar.into_inner().unwrap());
        let layer = keep(data.path(), &bytes);
        fs::write(
            blob_path(data.path(), &layer.digest),
            &bytes[..bytes.len() / 2],
        )
        .unwrap();
        assert!(ensure(data.path(), &layer, privileges()).is_err());
        fs::write(blob_path(data.path(), &layer.digest), &bytes).unwrap();
        ensure(data.path(), &layer, privileges()).unwrap();
    }
}
