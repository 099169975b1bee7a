//! `format.json`: which version of the format a store has, and which features it needs.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::OpenError;

/// The version this engine writes.
const VERSION: u32 = 1;
/// The directories of objects are made when they are needed. The first engines took it for granted that all are there.
const LAZY_SHARDS: &str = "lazy-shards";
/// Features that an engine must know to open a store.
const KNOWN_FEATURES: [&str; 1] = [LAZY_SHARDS];

#[derive(Serialize, Deserialize)]
struct Format {
    format: String,
    version: u32,
    /// An engine that does not know one of these must not open the store.
    #[serde(default)]
    incompatible: Vec<String>,
    /// An engine that does not know one of these may open the store all the same.
    #[serde(default)]
    compatible: Vec<String>,
}

/// Refuses what this engine cannot read; marks a new store. Called with the lock held, before anything else is made.
pub(crate) fn check(root: &Path) -> Result<(), OpenError> {
    let path = root.join("format.json");
    let bad = |reason: String| OpenError::BadFormat { path: path.clone(), reason };
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return create(root, &path),
        Err(source) => return Err(OpenError::Io { action: "read", path, source }),
    };
    let mut format: Format = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if format.format != "kukri-store" {
        return Err(bad(format!("it says {:?} instead of \"kukri-store\"", format.format)));
    }
    if format.version > VERSION {
        return Err(OpenError::TooNew { root: root.to_owned(), found: format.version, supported: VERSION });
    }
    let unknown: Vec<String> =
        format.incompatible.iter().filter(|f| !KNOWN_FEATURES.contains(&f.as_str())).cloned().collect();
    if !unknown.is_empty() {
        return Err(OpenError::UnknownFeatures { root: root.to_owned(), features: unknown });
    }
    if !format.incompatible.iter().any(|feature| feature == LAZY_SHARDS) && lacks_shards(root) {
        format.incompatible.push(LAZY_SHARDS.to_owned());
        return match write(root, &path, &format) {
            // It can be read all the same; on a full disk there is no room for it.
            Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::StorageFull => Ok(()),
            written => written,
        };
    }
    Ok(())
}

/// Whether an engine that does not make directories of objects would miss one. Stops at the first.
fn lacks_shards(root: &Path) -> bool {
    let objects = root.join("objects");
    (0..=255_u8).any(|byte| !objects.join(format!("{byte:02x}")).is_dir())
}

fn create(root: &Path, path: &Path) -> Result<(), OpenError> {
    let fail = |action| {
        let path = path.to_owned();
        move |source| OpenError::Io { action, path, source }
    };
    for entry in fs::read_dir(root).map_err(fail("list"))? {
        let name = entry.map_err(fail("list"))?.file_name();
        if name != "lock" && name != "lost+found" && name != "format.json.new" {
            return Err(OpenError::NotAStore { root: root.to_owned() });
        }
    }
    let format = Format {
        format: "kukri-store".to_owned(),
        version: VERSION,
        incompatible: vec![LAZY_SHARDS.to_owned()],
        compatible: Vec::new(),
    };
    write(root, path, &format)
}

/// Replaces the file as a whole.
fn write(root: &Path, path: &Path, format: &Format) -> Result<(), OpenError> {
    let fail = |action| {
        let path = path.to_owned();
        move |source| OpenError::Io { action, path, source }
    };
    let text = serde_json::to_vec_pretty(format).map_err(|error| fail("encode")(error.into()))?;
    let new = root.join("format.json.new");
    let written = fs::File::create(&new).and_then(|mut file| {
        file.write_all(&text)?;
        // Without its text, which may come to the disk long after its name, nobody could open the store.
        file.sync_all()
    });
    written.map_err(fail("write"))?;
    fs::rename(&new, path).map_err(fail("write"))
}
