//! Slash-separated paths inside a tree.
//!
//! A clean path has no leading or trailing slash and no empty, `.` or `..` component; the root is the empty path.

use crate::node::TreeError;

/// Longest name of an entry, in bytes.
pub const MAX_NAME: usize = 255;

/// Most components that a path given by a caller may have. Trees themselves may be deeper, as far as memory goes.
pub const MAX_DEPTH: usize = 1024;

/// Text of a path for messages and results; bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// Cleans a path by its text alone. `..` stops at the root, as `cd /..` does: for reading.
///
/// # Errors
/// A name over 255 bytes, a NUL, or more than [`MAX_DEPTH`] components.
pub fn clean(path: &[u8]) -> Result<Vec<u8>, TreeError> {
    Ok(components(path)?.0.join(&b'/'))
}

/// Cleans a path under which something is created. A relative path whose `..` leave the root is an error; an absolute
/// one stops at the root.
///
/// # Errors
/// [`TreeError::Escapes`], and those of [`clean`].
pub fn clean_inside(path: &[u8]) -> Result<Vec<u8>, TreeError> {
    let (parts, left) = components(path)?;
    if left && !path.starts_with(b"/") {
        return Err(TreeError::Escapes(text(path)));
    }
    Ok(parts.join(&b'/'))
}

/// `path` as seen from the directory `base`: an absolute path replaces it. Cleaned as by [`clean`].
///
/// # Errors
/// Those of [`clean`].
pub fn join(base: &[u8], path: &[u8]) -> Result<Vec<u8>, TreeError> {
    if path.starts_with(b"/") { clean(path) } else { clean(&[base, path].join(&b'/')) }
}

/// Directory and name of a clean path; the root has no name.
#[must_use]
pub fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return None;
    }
    Some(match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    })
}

/// A path without its first component; one of a single component stays.
#[must_use]
pub(crate) fn split_first(path: &[u8]) -> &[u8] {
    path.iter().position(|byte| *byte == b'/').map_or(path, |at| &path[at + 1..])
}

/// Components of a clean path.
pub fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
}

/// Appends a name to a path in place.
pub fn push(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// The clean components, and whether a `..` met the root.
fn components(path: &[u8]) -> Result<(Vec<&[u8]>, bool), TreeError> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut left = false;
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => left |= parts.pop().is_none(),
            _ if part.len() > MAX_NAME => return Err(TreeError::NameTooLong(text(part))),
            _ if part.contains(&0) => {
                return Err(TreeError::Invalid(format!(
                    "{:?}: a path cannot contain a NUL byte",
                    text(path)
                )));
            }
            _ => parts.push(part),
        }
    }
    if parts.len() > MAX_DEPTH {
        return Err(TreeError::Invalid(format!(
            "{:.40}…: path has {} components, more than {MAX_DEPTH}",
            text(path),
            parts.len()
        )));
    }
    Ok((parts, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(path: &str) -> String {
        text(&clean(path.as_bytes()).unwrap())
    }

    #[test]
    fn dots_and_slashes_go() {
        for (path, want) in [
            ("", ""),
            ("/", ""),
            (".", ""),
            ("a", "a"),
            ("./a//b/", "a/b"),
            ("/a/./b/../c", "a/c"),
            ("..", ""),
            ("/../../a", "a"),
            ("a/../..", ""),
            ("...", "..."),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(cleaned(path), want, "{path:?}");
        }
    }

    #[test]
    fn what_is_created_stays_inside() {
        for path in ["../x", "..", "a/../../x", "./../x"] {
            let error = clean_inside(path.as_bytes()).unwrap_err();
            assert_eq!(error, TreeError::Escapes(path.to_owned()));
            assert!(error.to_string().contains("cannot create directory outside parent"));
        }
        assert_eq!(clean_inside(b"/../x"), Ok(b"x".to_vec()));
        assert_eq!(clean_inside(b"a/../x"), Ok(b"x".to_vec()));
    }

    #[test]
    fn limits() {
        let name = "n".repeat(255);
        assert_eq!(cleaned(&name), name);
        let error = clean("n".repeat(256).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("File name length exceeds the maximum supported 255 characters"));
        assert!(clean(b"a\0b").is_err());
        assert!(clean("a/".repeat(MAX_DEPTH).as_bytes()).is_ok());
        assert!(clean("a/".repeat(MAX_DEPTH + 1).as_bytes()).is_err());
    }

    #[test]
    fn joining_and_splitting() {
        assert_eq!(join(b"src", b"../x"), Ok(b"x".to_vec()));
        assert_eq!(join(b"src", b"/x"), Ok(b"x".to_vec()));
        assert_eq!(join(b"", b"x"), Ok(b"x".to_vec()));
        assert_eq!(split(b"a/b/c"), Some((&b"a/b"[..], &b"c"[..])));
        assert_eq!(split(b"c"), Some((&b""[..], &b"c"[..])));
        assert_eq!(split(b""), None);
    }
}
