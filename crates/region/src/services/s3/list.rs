//! What a listing holds: objects, versions and uploads, in pages and in folders.
//!
//! Rules: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>,
//! [`…/API_ListObjectVersions.html`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html),
//! [`…/API_ListMultipartUploads.html`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html).

use wire::Error;

use super::state::{State, Upload, Version, VersionKey};
use crate::Region;

/// The most that one page may hold.
pub const MOST: usize = 1000;

/// Which part of a bucket is listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Only keys that begin with this.
    pub prefix: &'a str,
    /// Keys that share what comes before its first place after the prefix are shown as one
    /// folder. Never empty.
    pub delimiter: Option<&'a str>,
    /// Only names after this one: a key, or a folder of the page before.
    pub after: Option<&'a str>,
    /// Entries and folders together.
    pub most: usize,
}

/// A page: entries and folders in the order of their names' bytes.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub folders: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<Next>,
}

/// The last name of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// A key or a folder.
    pub name: String,
    /// The last version or upload shown of that key; `None` for a folder and for objects.
    pub id: Option<String>,
}

/// A key's current version.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    pub key: &'a str,
    pub version: &'a Version,
}

/// A version or delete marker of a key.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    pub key: &'a str,
    pub version: &'a Version,
    pub latest: bool,
}

/// An upload that is not finished.
#[derive(Debug, Clone, Copy)]
pub struct Unfinished<'a> {
    pub id: &'a str,
    pub upload: &'a Upload,
}

/// Current objects.
///
/// # Errors
/// `NoSuchBucket`.
pub fn objects<'a>(
    region: &'a Region,
    bucket: &str,
    asked: &Asked,
) -> Result<Page<Current<'a>>, Error> {
    super::bucket(region, bucket)?;
    let current = keys(&region.s3, bucket, asked).filter_map(|(key, versions)| {
        let version = *versions.last()?;
        version.blob.as_ref()?;
        Some((key, None, Current { key, version }))
    });
    Ok(cut(asked, current))
}

/// Every version, the newest of a key first. `version` is the last one shown of the key
/// [`Asked::after`], which then goes on with its older ones.
///
/// # Errors
/// `NoSuchBucket`.
pub fn versions<'a>(
    region: &'a Region,
    bucket: &str,
    asked: &Asked,
    version: Option<&str>,
) -> Result<Page<Listed<'a>>, Error> {
    super::bucket(region, bucket)?;
    let marker = asked.after.zip(version);
    let all = keys(&region.s3, bucket, asked).flat_map(|(key, versions)| {
        let newest = versions.len().saturating_sub(1);
        let shown = match marker {
            Some((of, id)) if of == key => versions
                .iter()
                .rposition(|one| one.version_id == id)
                .unwrap_or(0),
            _ => versions.len(),
        };
        (0..shown).rev().map(move |at| {
            let version = versions[at];
            let listed = Listed {
                key,
                version,
                latest: at == newest,
            };
            (key, Some(version.version_id.as_str()), listed)
        })
    });
    Ok(match marker {
        None => cut(asked, all),
        Some((of, _)) => cut_after(asked, all, |name| name < of),
    })
}

/// Uploads that are not finished, by key and then by age. `id` is the last one shown of the key
/// [`Asked::after`].
///
/// # Errors
/// `NoSuchBucket`.
pub fn uploads<'a>(
    region: &'a Region,
    bucket: &str,
    asked: &Asked,
    id: Option<&str>,
) -> Result<Page<Unfinished<'a>>, Error> {
    super::bucket(region, bucket)?;
    let mut all: Vec<Unfinished> = region
        .s3
        .uploads
        .iter()
        .filter(|(_, upload)| upload.bucket == bucket && upload.key.starts_with(asked.prefix))
        .map(|(id, upload)| Unfinished { id, upload })
        .collect();
    let order = |one: &Unfinished<'a>| (one.upload.key.as_str(), one.upload.started_at, one.id);
    all.sort_by(|one, other| order(one).cmp(&order(other)));
    let marker = asked.after.zip(id);
    if let Some((key, id)) = marker {
        let shown = all
            .iter()
            .position(|one| one.upload.key == key && one.id == id);
        let mut at = 0;
        all.retain(|one| {
            let keep = one.upload.key != key || shown.is_some_and(|shown| at > shown);
            at += 1;
            keep
        });
    }
    let named = all
        .into_iter()
        .map(|one| (one.upload.key.as_str(), Some(one.id), one));
    Ok(match marker {
        None => cut(asked, named),
        Some((of, _)) => cut_after(asked, named, |name| name < of),
    })
}

/// The versions of each key, oldest first, from where the listing begins.
fn keys<'a>(
    state: &'a State,
    bucket: &str,
    asked: &Asked,
) -> impl Iterator<Item = (&'a str, Vec<&'a Version>)> {
    let at = |key: &str| VersionKey {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        sequence: 0,
    };
    let first = asked.after.unwrap_or_default().max(asked.prefix);
    let end = VersionKey {
        // No bucket name sorts between one and the same followed by NUL.
        bucket: format!("{bucket}\0"),
        ..at("")
    };
    let prefix = asked.prefix.to_owned();
    let mut rows = state
        .versions
        .range(at(first)..end)
        .take_while(move |(at, _)| at.key.starts_with(&prefix))
        .peekable();
    std::iter::from_fn(move || {
        let (at, oldest) = rows.next()?;
        let mut versions = vec![oldest];
        while let Some((_, version)) = rows.next_if(|(next, _)| next.key == at.key) {
            versions.push(version);
        }
        Some((at.key.as_str(), versions))
    })
}

fn cut<'a, T>(
    asked: &Asked,
    named: impl Iterator<Item = (&'a str, Option<&'a str>, T)>,
) -> Page<T> {
    let after = asked.after;
    cut_after(asked, named, |name| {
        after.is_some_and(|after| name <= after)
    })
}

/// Takes a page of what is not `past`, with folders for what shares a delimiter.
fn cut_after<'a, T>(
    asked: &Asked,
    named: impl Iterator<Item = (&'a str, Option<&'a str>, T)>,
    past: impl Fn(&str) -> bool,
) -> Page<T> {
    let mut page = Page {
        items: Vec::new(),
        folders: Vec::new(),
        next: None,
    };
    let mut last: Option<Next> = None;
    for (key, id, item) in named {
        let folder = folder(asked, key);
        let name = folder.unwrap_or(key);
        if past(name) || folder.is_some() && page.folders.last().is_some_and(|one| one == name) {
            continue;
        }
        if page.items.len() + page.folders.len() == asked.most {
            // Nothing was asked for, so there is nowhere to go on from.
            page.next = last;
            break;
        }
        last = Some(Next {
            name: name.to_owned(),
            id: id.filter(|_| folder.is_none()).map(ToOwned::to_owned),
        });
        match folder {
            Some(folder) => page.folders.push(folder.to_owned()),
            None => page.items.push(item),
        }
    }
    page
}

/// What a key shares with others up to the delimiter, or `None` if it is shown itself.
fn folder<'a>(asked: &Asked, key: &'a str) -> Option<&'a str> {
    let delimiter = asked.delimiter?;
    let rest = key.get(asked.prefix.len()..)?;
    let end = asked.prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end)
}
