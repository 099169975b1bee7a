//! Reading trees for operations that give texts, numbers or lists.

use kukri_model::Digest;
use kukri_store::Store;
use kukri_tree::hash::HashSource;
use kukri_tree::{EntryKind, Follow, NodeReader, TreeError, TreeId};

use super::stat::ExistsType;
use crate::context::Cx;
use crate::error::OpError;
use crate::vertex::edit::Source;
use crate::vertex::edit_run::directory_at;

/// Computes the tree of `source` and reads from it, on a thread that may block. `read` gets the store, the tree and
/// the path within it.
pub async fn read_tree<T: Send + 'static>(
    cx: &Cx,
    source: &Source,
    read: impl FnOnce(&Store, &TreeId, &str) -> Result<T, OpError> + Send + 'static,
) -> Result<T, OpError> {
    let tree = cx.tree(&source.tree).await?;
    let (store, path) = (cx.engine.store().clone(), source.path.clone());
    crate::blocking(move || read(&store, &tree, &path)).await
}

/// The same for a directory: `read` gets the tree whose root it is.
pub async fn read_directory<T: Send + 'static>(
    cx: &Cx,
    source: &Source,
    read: impl FnOnce(&Store, &TreeId) -> Result<T, OpError> + Send + 'static,
) -> Result<T, OpError> {
    read_tree(cx, source, move |store, tree, path| read(store, &directory_at(store, tree, path)?)).await
}

/// The tree whose root a directory is.
pub async fn directory_tree(cx: &Cx, source: &Source) -> Result<TreeId, OpError> {
    read_directory(cx, source, |_, tree| Ok(*tree)).await
}

/// A path below a path; `.` for the root.
#[must_use]
pub fn below(base: &str, path: &str) -> String {
    let joined = format!("{base}/{path}");
    let joined = joined.trim_matches('/');
    if joined.is_empty() { ".".to_owned() } else { joined.to_owned() }
}

/// The regular file at a path.
pub fn file_at(reader: &dyn NodeReader, tree: &TreeId, path: &str) -> Result<EntryKind, OpError> {
    let source = Source { tree: crate::vertex::TreeHandle::Known(*tree), path: path.into() };
    crate::vertex::edit_run::file_at(reader, tree, &source)
}

/// Digest, permission bits and length of a file.
pub async fn file_entry(cx: &Cx, source: &Source) -> Result<(Digest, u32, u64), OpError> {
    read_tree(cx, source, |store, tree, path| match file_at(store, tree, path)? {
        EntryKind::File { meta, blob, size, .. } => Ok((blob, meta.mode, size)),
        _ => Err(OpError::new(format!("{path}: not a regular file"))),
    })
    .await
}

/// Largest content that is given as a text, in bytes.
pub const MAX_TEXT: u64 = 128 << 20;

/// The content of a file as text.
pub async fn file_text(cx: &Cx, source: &Source) -> Result<String, OpError> {
    let (digest, _, size) = file_entry(cx, source).await?;
    if size > MAX_TEXT {
        return Err(OpError::new(format!(
            "{}: {size} bytes are too many for contents (at most {MAX_TEXT}); export the file instead",
            source.path
        )));
    }
    cx.engine.read_text(digest, size).await
}

/// Bytes as text; what is not UTF-8 is replaced.
#[must_use]
pub fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Whether there is something at a place.
pub async fn exists(
    cx: &Cx,
    source: &Source,
    expected: Option<ExistsType>,
    no_follow: bool,
) -> Result<bool, OpError> {
    // A link can only be seen by not following it.
    let follow =
        if no_follow || expected == Some(ExistsType::Symlink) { Follow::Parents } else { Follow::All };
    read_tree(cx, source, move |store, tree, path| {
        let path = if path.is_empty() { "." } else { path };
        match kukri_tree::stat(store, tree, path, follow) {
            Ok(stat) => Ok(expected.is_none_or(|expected| expected.is(stat.kind))),
            Err(TreeError::NotFound(_) | TreeError::NotADirectory(_) | TreeError::TooManyLinks(_)) => {
                Ok(false)
            }
            Err(error) => Err(OpError::new(error.to_string())),
        }
    })
    .await
}

/// Contents of the store for digests.
pub struct Hashes<'a>(pub &'a Store);

impl HashSource for Hashes<'_> {
    fn feed(&self, blob: &Digest, sink: &mut dyn FnMut(&[u8])) -> Result<(), TreeError> {
        use std::io::Read;
        let missing =
            |error: &dyn std::fmt::Display| TreeError::Missing { digest: *blob, reason: error.to_string() };
        let mut reader = self.0.open_blob(blob).map_err(|error| missing(&error))?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            kukri_tree::cancel::check()?;
            match reader.read(&mut buffer).map_err(|error| missing(&error))? {
                0 => return Ok(()),
                count => sink(&buffer[..count]),
            }
        }
    }
}
