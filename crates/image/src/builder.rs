//! From a binary to an image layout on disk.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, ImageConfigurationBuilder,
    ImageIndexBuilder, ImageManifestBuilder, MediaType, Os, PlatformBuilder, RootFsBuilder,
    SCHEMA_VERSION, Sha256Digest,
};

use crate::binary::{self, Architecture};
use crate::canonical;
use crate::error::BuildError;
use crate::layer::{self, Content, Entry, Layer};
use crate::layout;

/// Not root, and no number of anybody on the host.
const NONROOT: u64 = 65532;
const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\n\
                      nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";
/// A static C library reads it too: the hosts file, then DNS.
const NSSWITCH: &str = "hosts: files dns\n";
/// The first place where programs look for certificate authorities.
const CA_BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
/// Reproducible: the time of the build is not part of what was built.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What goes into the image. The program becomes `/<name>` and the image's entry point, run as nobody in particular.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    pub binary: PathBuf,
    pub name: String,
    /// Arguments when whoever runs the image gives none.
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub ports: Vec<u16>,
    pub labels: BTreeMap<String, String>,
    pub architecture: Architecture,
    /// Certificate authorities (PEM) that the program should trust; none are put in otherwise.
    pub ca_bundle: Option<PathBuf>,
}

/// An image in its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// `sha256:…`, the name by which the image is known everywhere.
    pub manifest_digest: String,
    pub config_digest: String,
    pub layer_digests: Vec<String>,
    /// Bytes of all that a registry will store.
    pub size: u64,
}

impl Builder {
    /// Writes the image as an OCI image layout into the directory `layout`; one that is there already is replaced.
    pub fn build(&self, layout: &Path) -> Result<Built, BuildError> {
        self.check_name()?;
        let program = binary::read(&self.binary, self.architecture)?;
        let ca_bundle = self.ca_bundle.as_deref().map(read).transpose()?;

        // Two layers: the first hardly ever changes, so a registry has it after the first push.
        let layers = [
            base_layer(ca_bundle.as_deref()).map_err(BuildError::Pack)?,
            program_layer(&self.name, &program).map_err(BuildError::Pack)?,
        ];
        let config = self.config(&layers)?;
        let mut blobs = layout::Writer::new(layout)?;
        let config_descriptor = blobs.add(MediaType::ImageConfig, &config)?;
        let layer_descriptors = layers
            .iter()
            .map(|layer| blobs.add(MediaType::ImageLayerGzip, &layer.compressed))
            .collect::<Result<Vec<_>, _>>()?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(config_descriptor.clone())
            .layers(layer_descriptors.clone())
            .build()?;
        let manifest_bytes = canonical::to_vec(&manifest)?;
        let manifest_descriptor = blobs.add(MediaType::ImageManifest, &manifest_bytes)?;
        blobs.finish(&canonical::to_vec(&self.index(&manifest_descriptor)?)?)?;

        let parts = || {
            [&manifest_descriptor, &config_descriptor]
                .into_iter()
                .chain(&layer_descriptors)
        };
        Ok(Built {
            manifest_digest: manifest_descriptor.digest().to_string(),
            config_digest: config_descriptor.digest().to_string(),
            layer_digests: layer_descriptors
                .iter()
                .map(|layer| layer.digest().to_string())
                .collect(),
            size: parts().map(Descriptor::size).sum(),
        })
    }

    fn check_name(&self) -> Result<(), BuildError> {
        let valid = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(valid) {
            return Err(BuildError::Name {
                name: self.name.clone(),
            });
        }
        Ok(())
    }

    fn config(&self, layers: &[Layer]) -> Result<Vec<u8>, BuildError> {
        let environment = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let ports: Vec<_> = self
            .ports
            .iter()
            .map(|port| format!("{port}/tcp"))
            .collect();
        let labels: HashMap<_, _> = self.labels.clone().into_iter().collect();
        let run = ConfigBuilder::default()
            .user(format!("{NONROOT}:{NONROOT}"))
            .entrypoint(vec![format!("/{}", self.name)])
            .cmd(self.arguments.clone())
            .env(environment.collect::<Vec<_>>())
            .exposed_ports(ports)
            .labels(labels)
            .working_dir("/".to_owned())
            .stop_signal("SIGTERM".to_owned())
            .build()?;
        let root = RootFsBuilder::default()
            .typ("layers".to_owned())
            .diff_ids(
                layers
                    .iter()
                    .map(|layer| format!("sha256:{}", layer.diff_id))
                    .collect::<Vec<_>>(),
            )
            .build()?;
        let config = ImageConfigurationBuilder::default()
            .created(CREATED.to_owned())
            .architecture(self.arch())
            .os(Os::Linux)
            .config(run)
            .rootfs(root)
            .build()?;
        Ok(canonical::to_vec(&config)?)
    }

    fn index(&self, manifest: &Descriptor) -> Result<oci_spec::image::ImageIndex, BuildError> {
        let platform = PlatformBuilder::default()
            .architecture(self.arch())
            .os(Os::Linux)
            .build()?;
        let mut manifest = manifest.clone();
        manifest.set_platform(Some(platform));
        Ok(ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests(vec![manifest])
            .build()?)
    }

    fn arch(&self) -> Arch {
        match self.architecture {
            Architecture::Amd64 => Arch::Amd64,
            Architecture::Arm64 => Arch::ARM64,
        }
    }
}

fn base_layer(ca_bundle: Option<&[u8]>) -> std::io::Result<Layer> {
    let mut entries = vec![
        Entry::directory("etc"),
        Entry::file("etc/group", GROUP.as_bytes()),
        Entry::file("etc/nsswitch.conf", NSSWITCH.as_bytes()),
        Entry::file("etc/passwd", PASSWD.as_bytes()),
    ];
    if let Some(ca_bundle) = ca_bundle {
        entries.extend([
            Entry::directory("etc/ssl"),
            Entry::directory("etc/ssl/certs"),
            Entry::file(CA_BUNDLE, ca_bundle),
        ]);
    }
    entries.extend([
        Entry::directory("home"),
        Entry {
            owner: NONROOT,
            mode: 0o700,
            ..Entry::directory("home/nonroot")
        },
        Entry {
            mode: 0o1777,
            ..Entry::directory("tmp")
        },
    ]);
    layer::pack(&entries)
}

fn program_layer(name: &str, program: &[u8]) -> std::io::Result<Layer> {
    layer::pack(&[Entry {
        path: name,
        mode: 0o755,
        owner: 0,
        content: Content::File(program),
    }])
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| BuildError::Read {
        path: path.into(),
        source,
    })
}

/// The description of a blob with this content.
pub(crate) fn describe(media_type: MediaType, bytes: &[u8]) -> Result<Descriptor, BuildError> {
    let digest: Sha256Digest = layer::sha256(bytes).parse()?;
    Ok(DescriptorBuilder::default()
        .media_type(media_type)
        .digest(digest)
        .size(bytes.len() as u64)
        .build()?)
}
