//! A layer with nothing in it but the places where every container has something mounted.
//!
//! It lies below all layers of an image, so what an image lacks need not be made in each step and removed again, and
//! what an image has hides it. It is part of no tree.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const DIRECTORIES: [&str; 4] = ["proc", "sys", "dev", "etc"];
const FILES: [&str; 2] = ["etc/hosts", "etc/resolv.conf"];
/// What earlier versions had here; containers would still see it.
const FORMER: &str = "run";

/// Makes the layer below `root`, or completes it, and gives its path.
pub fn make(root: &Path) -> io::Result<PathBuf> {
    let layer = root.join("mount-points");
    fs::create_dir_all(&layer)?;
    fs::set_permissions(&layer, Permissions::from_mode(0o755))?;
    match fs::remove_dir_all(layer.join(FORMER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for directory in DIRECTORIES {
        let path = layer.join(directory);
        if !path.is_dir() {
            fs::create_dir(&path)?;
        }
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    }
    for file in FILES {
        fs::OpenOptions::new().create(true).truncate(true).write(true).open(layer.join(file))?;
    }
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_completed() {
        let root = tempfile::tempdir().unwrap();
        let layer = make(root.path()).unwrap();
        fs::remove_file(layer.join("etc/hosts")).unwrap();
        fs::create_dir_all(layer.join("run/kukri")).unwrap();
        assert_eq!(make(root.path()).unwrap(), layer);
        assert!(layer.join("etc/hosts").is_file() && layer.join("proc").is_dir());
        assert!(!layer.join("run").exists());
    }
}
