//! Images by reference: what `<registry>/<repository>[:tag][@digest]` names.

use world::task::{Image, Layer};

use super::manifest::{is_digest, is_tag};
use super::state::{Holds, Manifest};
use crate::{Region, Settings};

/// What tasks run on.
const PLATFORM: &str = "linux/amd64";

/// Why a reference names no image that can be run, as the puller says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("{reference}: not found")]
    NotFound { reference: String },
    #[error("invalid reference format: {reference}")]
    Malformed { reference: String },
    #[error("image Manifest does not contain descriptor matching platform '{PLATFORM}'")]
    Platform,
    #[error(
        "the registry {host} is outside this region, which has no internet to pull from; push the image to {own}"
    )]
    Elsewhere { host: String, own: String },
}

/// The registry's host name as AWS has it.
pub fn registry_host(settings: &Settings) -> String {
    format!(
        "{}.dkr.ecr.{}.amazonaws.com",
        settings.account, settings.region
    )
}

/// The image that a task definition names.
pub fn resolve(region: &Region, reference: &str) -> Result<Image, ResolveError> {
    let malformed = || ResolveError::Malformed {
        reference: reference.to_owned(),
    };
    let missing = || ResolveError::NotFound {
        reference: reference.to_owned(),
    };
    let name = Name::parse(reference).ok_or_else(malformed)?;
    if !is_own(&region.settings, name.host) {
        return Err(ResolveError::Elsewhere {
            host: name.host.to_owned(),
            own: registry_host(&region.settings),
        });
    }
    let mut manifest = find(region, name.repository, name.tag, name.digest).ok_or_else(missing)?;
    if let Holds::List(entries) = &manifest.holds {
        let entry = entries
            .iter()
            .find(|entry| entry.platform.as_deref() == Some(PLATFORM))
            .ok_or(ResolveError::Platform)?;
        manifest = find(region, name.repository, None, Some(&entry.digest)).ok_or_else(missing)?;
    }
    let Holds::Image { config, layers } = &manifest.holds else {
        return Err(ResolveError::Platform);
    };
    Ok(Image {
        reference: reference.to_owned(),
        manifest_digest: manifest.digest.clone(),
        config_digest: config.digest.clone(),
        layers: layers
            .iter()
            .map(|layer| Layer {
                digest: layer.digest.clone(),
                media_type: layer.media_type.clone(),
            })
            .collect(),
    })
}

/// The manifest with a digest, or under a tag; the digest decides where both are given.
pub fn find<'a>(
    region: &'a Region,
    repository: &str,
    tag: Option<&str>,
    digest: Option<&str>,
) -> Option<&'a Manifest> {
    let digest = match (digest, tag) {
        (Some(digest), _) => digest,
        (None, tag) => region
            .ecr
            .tags
            .get(&(repository.to_owned(), tag?.to_owned()))?,
    };
    region
        .ecr
        .manifests
        .get(&(repository.to_owned(), digest.to_owned()))
}

/// A reference taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Name<'a> {
    host: &'a str,
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Name<'a> {
    fn parse(reference: &'a str) -> Option<Self> {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (name, None),
        };
        // The first part is a host only if it could not be a part of a repository's name.
        let (host, repository) = match path.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => ("docker.io", path),
        };
        let fine = !repository.is_empty()
            && digest.is_none_or(is_digest)
            && tag.is_none_or(is_tag)
            && !reference.contains(char::is_whitespace);
        let tag = match (tag, digest) {
            (None, None) => Some("latest"),
            _ => tag,
        };
        fine.then_some(Self {
            host,
            repository,
            tag,
            digest,
        })
    }
}

/// Whether a host name, with or without a port, is this region's registry.
fn is_own(settings: &Settings, host: &str) -> bool {
    if host == settings.endpoint {
        return true;
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let registry = registry_host(settings);
    let local = registry.replace(".amazonaws.com", ".localhost");
    name == registry
        || name == local
        || port.is_some() && matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::super::manifest;
    use super::*;
    use crate::testing::Bench;

    const OWN: &str = "000000000000.dkr.ecr.eu-central-1.amazonaws.com";

    fn digest(of: &str) -> String {
        manifest::digest_of(of.as_bytes())
    }

    fn image(architecture: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"c","digest":"{}","size":1}},
                "layers":[{{"mediaType":"l","digest":"{}","size":2}}]}}"#,
            manifest::OCI_IMAGE,
            digest(architecture),
            digest("layer"),
        )
    }

    fn list(platforms: &[&str]) -> String {
        let entries: Vec<String> = platforms
            .iter()
            .map(|one| {
                let content = image(one);
                format!(
                    r#"{{"mediaType":"m","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"{one}"}}}}"#,
                    digest(&content),
                    content.len()
                )
            })
            .collect();
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
            manifest::OCI_INDEX,
            entries.join(",")
        )
    }

    fn keep(bench: &mut Bench, content: &str, tag: Option<&str>) -> String {
        let row = manifest::read(content, None, bench.now).expect("it is a manifest");
        let digest = row.digest.clone();
        bench
            .write(|region, _| {
                let repository = "team/app".to_owned();
                if let Some(tag) = tag {
                    let key = (repository.clone(), tag.to_owned());
                    region.ecr.tags.insert(key, row.digest.clone());
                }
                region
                    .ecr
                    .manifests
                    .insert((repository, row.digest.clone()), row);
                Ok(())
            })
            .expect("it is kept");
        digest
    }

    #[test]
    fn references_find_their_image_whatever_their_form() {
        let mut bench = Bench::new();
        let own = keep(&mut bench, &image("amd64"), Some("latest"));
        keep(&mut bench, &image("arm64"), None);
        keep(&mut bench, &list(&["arm64", "amd64"]), Some("both"));
        keep(&mut bench, &list(&["arm64"]), Some("arm"));
        for reference in [
            format!("{OWN}/team/app"),
            format!("{OWN}/team/app:latest"),
            format!("{OWN}/team/app@{own}"),
            format!("{OWN}/team/app:other@{own}"),
            format!("{OWN}/team/app:both"),
            "127.0.0.1:4566/team/app:latest".to_owned(),
            "localhost:1234/team/app".to_owned(),
            "000000000000.dkr.ecr.eu-central-1.localhost:4566/team/app".to_owned(),
        ] {
            let found = resolve(&bench.region, &reference)
                .unwrap_or_else(|error| panic!("{reference}: {error}"));
            assert_eq!(found.manifest_digest, own, "{reference}");
            assert_eq!(found.config_digest, digest("amd64"));
            assert_eq!(found.layers[0].digest, digest("layer"));
            assert_eq!(found.reference, reference);
        }
        bench.restart();
        assert!(resolve(&bench.region, &format!("{OWN}/team/app")).is_ok());
        let arm = resolve(&bench.region, &format!("{OWN}/team/app:arm"));
        assert_eq!(
            arm.expect_err("there is none").to_string(),
            "image Manifest does not contain descriptor matching platform 'linux/amd64'"
        );
    }

    #[test]
    fn what_names_no_image_here_says_why() {
        let bench = Bench::new();
        let cases = [
            (
                format!("{OWN}/team/app:1"),
                format!("{OWN}/team/app:1: not found"),
            ),
            ("nginx".into(), "the registry docker.io is outside".into()),
            (
                "public.ecr.aws/x/y:1".into(),
                "the registry public.ecr.aws is".into(),
            ),
            (
                OWN.replace("000000000000", "111111111111") + "/a:1",
                "the registry 111111111111.dkr".into(),
            ),
            (
                format!("{OWN}/a@sha256:00"),
                "invalid reference format".into(),
            ),
            (format!("{OWN}/a:b c"), "invalid reference format".into()),
            (String::new(), "invalid reference format".into()),
        ];
        for (reference, wanted) in cases {
            let said = resolve(&bench.region, &reference)
                .expect_err("there is no such image")
                .to_string();
            assert!(said.starts_with(&wanted), "{reference}: {said}");
        }
    }
}
