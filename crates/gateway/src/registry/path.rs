//! Which thing of which repository a path names.

use percent_encoding::percent_decode_str;

/// What follows `/v2/`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    Blob { name: String, digest: String },
    Uploads { name: String },
    Upload { name: String, id: String },
    Manifest { name: String, reference: String },
    Tags { name: String },
    Referrers { name: String, digest: String },
}

/// A repository's name may hold slashes, so a path is read from its end.
pub(super) fn place(path: &str) -> Option<Place> {
    let rest = path.strip_prefix("/v2")?;
    let rest = match rest.strip_prefix('/') {
        Some(rest) => rest,
        None if rest.is_empty() => return Some(Place::Root),
        None => return None,
    };
    if rest.is_empty() {
        return Some(Place::Root);
    }
    let decoded = percent_decode_str(rest).decode_utf8().ok()?;
    let parts: Vec<&str> = decoded.split('/').collect();
    let name = |parts: &[&str]| {
        let fine = !parts.is_empty() && parts.iter().all(|part| !part.is_empty());
        fine.then(|| parts.join("/"))
    };
    Some(match parts.as_slice() {
        [own @ .., "blobs", "uploads", ""] | [own @ .., "blobs", "uploads"] => {
            Place::Uploads { name: name(own)? }
        }
        [own @ .., "blobs", "uploads", id] => Place::Upload {
            name: name(own)?,
            id: (*id).to_owned(),
        },
        [own @ .., "blobs", digest] => Place::Blob {
            name: name(own)?,
            digest: (*digest).to_owned(),
        },
        [own @ .., "manifests", reference] => Place::Manifest {
            name: name(own)?,
            reference: (*reference).to_owned(),
        },
        [own @ .., "tags", "list"] => Place::Tags { name: name(own)? },
        [own @ .., "referrers", digest] => Place::Referrers {
            name: name(own)?,
            digest: (*digest).to_owned(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_their_end() {
        let name = || "team/blobs/app".to_owned();
        let cases = [
            ("/v2", Some(Place::Root)),
            ("/v2/", Some(Place::Root)),
            ("/v2x", None),
            ("/v2/_catalog", None),
            ("/v2//manifests/1", None),
            ("/v2/blobs/uploads/", None),
            (
                "/v2/team/blobs/app/manifests/1.0",
                Some(Place::Manifest {
                    name: name(),
                    reference: "1.0".into(),
                }),
            ),
            (
                "/v2/team/blobs/app/blobs/sha256%3Aab",
                Some(Place::Blob {
                    name: name(),
                    digest: "sha256:ab".into(),
                }),
            ),
            (
                "/v2/team/blobs/app/blobs/uploads/",
                Some(Place::Uploads { name: name() }),
            ),
            (
                "/v2/team/blobs/app/blobs/uploads/7",
                Some(Place::Upload {
                    name: name(),
                    id: "7".into(),
                }),
            ),
            (
                "/v2/team/blobs/app/tags/list",
                Some(Place::Tags { name: name() }),
            ),
            (
                "/v2/team/blobs/app/referrers/sha256:ab",
                Some(Place::Referrers {
                    name: name(),
                    digest: "sha256:ab".into(),
                }),
            ),
        ];
        for (path, wanted) in cases {
            assert_eq!(place(path), wanted, "{path}");
        }
    }
}
