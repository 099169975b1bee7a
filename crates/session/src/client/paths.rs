//! Paths as the engine names them, on this machine.

use std::path::{Component, Path, PathBuf};

use crate::{ErrorCode, RemoteError};

/// To what paths are relative.
#[derive(Debug, Clone)]
pub(super) struct Bases {
    /// Absolute.
    pub workdir: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
}

impl Bases {
    /// The absolute path, without `.` and `..` (which are resolved as text, so `link/..` is where the link lies).
    pub fn resolve(&self, path: &str) -> Result<PathBuf, RemoteError> {
        let invalid =
            |reason: &str| Err(RemoteError::new(ErrorCode::Invalid, format!("path {path:?}: {reason}")));
        if path.contains('\0') {
            return invalid("contains a NUL byte");
        }
        if let Some(rest) = path.strip_prefix('~') {
            let Some(home) = &self.home else {
                return invalid("the home directory is not known; set HOME");
            };
            return match rest.strip_prefix('/') {
                Some(rest) => Ok(clean(&home.join(rest.trim_start_matches('/')))),
                None if rest.is_empty() => Ok(clean(home)),
                // A file's name may begin with a tilde; homes of other users are not looked up.
                None => Ok(clean(&self.workdir.join(path))),
            };
        }
        Ok(clean(&self.workdir.join(path)))
    }
}

fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                out.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out
}

/// `target`, seen from `base`: with `..` where needed. Both absolute and clean.
pub(super) fn relative(target: &Path, base: &Path) -> PathBuf {
    let common = target.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    let mut out: PathBuf = base.components().skip(common).map(|_| Component::ParentDir).collect();
    out.extend(target.components().skip(common));
    if out.as_os_str().is_empty() { ".".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_absolute() {
        let bases = Bases { workdir: "/work/dir".into(), home: Some("/home/me".into()) };
        for (path, expected) in [
            ("a", "/work/dir/a"),
            (".", "/work/dir"),
            ("", "/work/dir"),
            ("../x", "/work/x"),
            ("../../../../x", "/x"),
            ("/etc//./x/", "/etc/x"),
            ("~", "/home/me"),
            ("~/a/../b", "/home/me/b"),
            ("~//a", "/home/me/a"),
            ("~backup", "/work/dir/~backup"),
        ] {
            assert_eq!(bases.resolve(path).unwrap(), Path::new(expected), "{path}");
        }
        assert!(bases.resolve("a\0b").is_err());
        assert!(Bases { home: None, ..bases }.resolve("~/x").is_err());
    }

    #[test]
    fn relative_paths_lead_back() {
        assert_eq!(relative(Path::new("/a/x"), Path::new("/a/b/c")), Path::new("../../x"));
        assert_eq!(relative(Path::new("/a/b/x"), Path::new("/a/b")), Path::new("x"));
        assert_eq!(relative(Path::new("/a"), Path::new("/a")), Path::new("."));
    }
}
