//! Devices of the machine, for commands that may do everything.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use oci_spec::runtime::Mount;

/// Folders of `/dev` with devices of their own kind. Others hold links, or what a container has its own of.
const FOLDERS: [&str; 5] = ["dri", "input", "mapper", "net", "snd"];

/// Mounts that show the machine's devices in a container, as `docker run --privileged` does.
///
/// They are bound, not made: that works where a control group or a user namespace forbids to make devices. Terminals and
/// what every container has are left out. Reads `/dev`; what cannot be read is left out.
#[must_use]
pub fn host_devices() -> Vec<Mount> {
    let mut found = Vec::new();
    let root = Path::new("/dev");
    for folder in std::iter::once(root.to_owned()).chain(FOLDERS.iter().map(|name| root.join(name))) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let is_device =
                entry.file_type().is_ok_and(|kind| kind.is_char_device() || kind.is_block_device());
            if is_device && !is_own(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found.into_iter().map(bound).collect()
}

/// Whether every container has one of its own, or must not get at that of the machine.
fn is_own(name: &str) -> bool {
    matches!(name, "null" | "zero" | "full" | "random" | "urandom" | "console" | "ptmx")
        || ["tty", "vcs"].iter().any(|start| name.starts_with(start))
}

fn bound(path: std::path::PathBuf) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(path.clone())
        .set_typ(Some("bind".to_owned()))
        .set_source(Some(path))
        .set_options(Some(["bind", "nosuid", "noexec"].map(str::to_owned).to_vec()));
    mount
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_devices_are_left_out() {
        for name in ["null", "tty", "tty1", "ttyS0", "vcsa", "console", "ptmx"] {
            assert!(is_own(name), "{name}");
        }
        assert!(!is_own("fuse") && !is_own("loop0") && !is_own("kmsg"));
        for mount in host_devices() {
            assert!(mount.destination().starts_with("/dev") && !mount.destination().ends_with("null"));
        }
    }
}
