//! `File.digest`: the digest of the file, in the format `sha256:…`.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::EntryKind;
use kukri_tree::hash::{content_digest, file_digest, hash_text};

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::error::OrFail;
use crate::objects;
use crate::operation::Run;

/// The digest of the file, in the format `sha256:…`.
#[derive(Operation)]
#[operation(on = "File", returns = "String!")]
pub struct Digest {
    /// Only the content counts, not mode and owner.
    #[arg(default = "false")]
    exclude_metadata: bool,
}

impl Run for Digest {
    type On = File;
    type Output = String;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<String, OpError> {
        objects::read_tree(cx, &on.source, move |store, tree, path| {
            let entry = objects::file_at(store, tree, path)?;
            let hashes = objects::Hashes(store);
            match (&entry, self.exclude_metadata) {
                (EntryKind::File { blob, .. }, true) => content_digest(&hashes, blob),
                _ => file_digest(&hashes, &entry),
            }
            .map(|hash| hash_text(&hash))
            .or_fail()
        })
        .await
    }
}
