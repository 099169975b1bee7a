//! Small images made in memory.

use std::io::Write;

use kukri_oci::Sha256Digest;
use serde_json::{Value, json};

/// A tar archive in the making.
pub struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    pub fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(size);
        header
    }

    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        let mut header = Self::header(tar::EntryType::Regular, 0o644, content.len() as u64);
        self.0.append_data(&mut header, path, content).unwrap();
        self
    }

    /// A file whose path no honest writer would take.
    pub fn raw_file(mut self, path: &[u8], content: &[u8]) -> Self {
        let mut header = Self::header(tar::EntryType::Regular, 0o644, content.len() as u64);
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub fn dir(mut self, path: &str, mode: u32) -> Self {
        let mut header = Self::header(tar::EntryType::Directory, mode, 0);
        self.0.append_data(&mut header, path, &[][..]).unwrap();
        self
    }

    pub fn link(mut self, kind: tar::EntryType, path: &str, target: &str) -> Self {
        let mut header = Self::header(kind, 0o777, 0);
        self.0.append_link(&mut header, path, target).unwrap();
        self
    }

    pub fn device(mut self, path: &str, major: u32, minor: u32) -> Self {
        let mut header = Self::header(tar::EntryType::Char, 0o666, 0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        self.0.append_data(&mut header, path, &[][..]).unwrap();
        self
    }

    pub fn fifo(mut self, path: &str) -> Self {
        let mut header = Self::header(tar::EntryType::Fifo, 0o600, 0);
        self.0.append_data(&mut header, path, &[][..]).unwrap();
        self
    }

    /// A file with PAX records before it.
    pub fn pax_file(mut self, path: &str, content: &[u8], records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self.file(path, content)
    }

    pub fn tar(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image for one platform: its manifest and all that the manifest points to.
pub struct Image {
    pub manifest: Vec<u8>,
    pub blobs: Vec<Vec<u8>>,
    pub platform: String,
}

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Sha256Digest::of(bytes).to_string(), "size": bytes.len()})
}

impl Image {
    pub fn new(platform: &str, tars: &[Vec<u8>]) -> Self {
        let layers =
            tars.iter().map(|tar| ("application/vnd.oci.image.layer.v1.tar+gzip", gzip(tar), tar.clone()));
        Self::with_layers(platform, layers.collect())
    }

    /// Layers as media type, compressed and plain bytes.
    pub fn with_layers(platform: &str, layers: Vec<(&str, Vec<u8>, Vec<u8>)>) -> Self {
        let (os, architecture) = platform.split_once('/').unwrap();
        let (architecture, variant) = architecture.split_once('/').unwrap_or((architecture, ""));
        let diff_ids: Vec<String> =
            layers.iter().map(|(_, _, tar)| Sha256Digest::of(tar).to_string()).collect();
        let config = json!({
            "os": os, "architecture": architecture, "variant": variant,
            "config": {"Env": ["PATH=/bin", "A=b"], "Cmd": ["sh"], "Labels": {"l": "v"}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = serde_json::to_vec(&config).unwrap();
        let descriptors: Vec<Value> =
            layers.iter().map(|(media_type, bytes, _)| descriptor(media_type, bytes)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": descriptors,
        });
        let mut blobs: Vec<Vec<u8>> = layers.into_iter().map(|(_, bytes, _)| bytes).collect();
        blobs.push(config);
        Self { manifest: serde_json::to_vec(&manifest).unwrap(), blobs, platform: platform.to_owned() }
    }

    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.manifest)
    }
}

/// An index of images.
pub fn index(images: &[&Image]) -> Vec<u8> {
    let manifests: Vec<Value> = images
        .iter()
        .map(|image| {
            let mut value = descriptor(OCI_MANIFEST, &image.manifest);
            let parts: Vec<&str> = image.platform.split('/').collect();
            value["platform"] = json!({"os": parts[0], "architecture": parts[1]});
            if let Some(variant) = parts.get(2) {
                value["platform"]["variant"] = json!(variant);
            }
            value
        })
        .collect();
    serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})).unwrap()
}
