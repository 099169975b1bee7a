//! Random access to the files of an image archive.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Take};

use crate::digest::Sha256Digest;
use crate::export::blob_path;
use crate::import::ImportError;
use crate::tar_read::{Kind, TarError, TarReader};

/// Documents are small; layers are not read whole.
const MAX_DOCUMENT: u64 = 16 << 20;
const MAX_LINKS: usize = 8;
const BLOCK: u64 = 512;

/// A plain tar whose table of contents is known.
pub(crate) struct ImageArchive<R> {
    input: R,
    files: HashMap<String, Place>,
}

enum Place {
    At {
        offset: u64,
        size: u64,
    },
    /// `docker save` once wrote layers that occur twice as symbolic links.
    Link(String),
}

impl<R: Read + Seek> ImageArchive<R> {
    pub(crate) fn open(mut input: R) -> Result<Self, ImportError> {
        let mut files = HashMap::new();
        let mut at = 0;
        loop {
            input.seek(SeekFrom::Start(at))?;
            // A new reader for each entry: contents are jumped over, not read.
            let mut reader = TarReader::new(&mut input);
            let entry = match reader.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(Self { input, files }),
                Err(TarError::Io(error)) => return Err(ImportError::Archive(error.to_string())),
                Err(TarError::Entry(bad)) => {
                    return Err(ImportError::Archive(format!("{:?}: {}", bad.path, bad.reason)));
                }
            };
            let offset = at + reader.offset();
            at = offset;
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            match entry.kind {
                Kind::File(size) => {
                    files.insert(path, Place::At { offset, size });
                    at += size.next_multiple_of(BLOCK);
                }
                Kind::Symlink(target) => {
                    let target = join(&path, &String::from_utf8_lossy(&target));
                    files.insert(path, Place::Link(target));
                }
                Kind::Hardlink(target) => {
                    files.insert(path, Place::Link(String::from_utf8_lossy(&target).into_owned()));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// Length of a file, if it is there.
    pub(crate) fn size(&self, path: &str) -> Option<u64> {
        self.find(path).map(|(_, size)| size)
    }

    /// A file to be read from its start, and its length.
    pub(crate) fn content(&mut self, path: &str) -> Result<(Take<&mut R>, u64), ImportError> {
        let (offset, size) =
            self.find(path).ok_or_else(|| ImportError::Archive(format!("{path} is missing in it")))?;
        self.input.seek(SeekFrom::Start(offset))?;
        Ok((self.input.by_ref().take(size), size))
    }

    /// A document as a whole.
    pub(crate) fn read(&mut self, path: &str) -> Result<Vec<u8>, ImportError> {
        let (mut content, size) = self.content(path)?;
        if size > MAX_DOCUMENT {
            return Err(ImportError::Archive(format!(
                "{path} has {size} bytes; at most {MAX_DOCUMENT} are read"
            )));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A document by its digest, which is checked.
    pub(crate) fn blob(&mut self, digest: &Sha256Digest) -> Result<Vec<u8>, ImportError> {
        let bytes = self.read(&blob_path(digest))?;
        let actual = Sha256Digest::of(&bytes);
        if actual != *digest {
            return Err(ImportError::Archive(format!("{digest} has the content of {actual}: it is damaged")));
        }
        Ok(bytes)
    }

    fn find(&self, path: &str) -> Option<(u64, u64)> {
        let mut path = path;
        for _ in 0..MAX_LINKS {
            match self.files.get(path)? {
                Place::At { offset, size } => return Some((*offset, *size)),
                Place::Link(target) => path = target,
            }
        }
        None
    }
}

/// `target` as seen from the directory of `path`.
fn join(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn links_are_followed_and_contents_jumped_over() {
        let mut builder = tar::Builder::new(Vec::new());
        let header = |kind, size| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(size);
            header.set_mode(0o644);
            header
        };
        builder.append_data(&mut header(tar::EntryType::Regular, 700), "a/layer.tar", &[1; 700][..]).unwrap();
        builder
            .append_link(&mut header(tar::EntryType::Symlink, 0), "b/layer.tar", "../a/layer.tar")
            .unwrap();
        builder.append_link(&mut header(tar::EntryType::Symlink, 0), "loop", "loop").unwrap();
        builder.append_data(&mut header(tar::EntryType::Regular, 2), "x", &b"{}"[..]).unwrap();
        let mut archive = ImageArchive::open(Cursor::new(builder.into_inner().unwrap())).unwrap();
        assert_eq!(archive.read("b/layer.tar").unwrap(), [1; 700]);
        assert_eq!(archive.read("x").unwrap(), b"{}");
        assert!(!archive.has("loop") && !archive.has("y"));
        assert!(archive.read("y").is_err());
    }
}
