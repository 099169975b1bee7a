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
#[example(r#"file(name: "foo.txt", contents: "Hello, World!").digest"# => r#""sha256:8a887cdd3e476c79e1a14a65a6c401673b56071a24561dadb5e152605e72a613""#)]
#[example(r#"file(name: "bar.txt", contents: "Hello, World!", permissions: 384).digest(excludeMetadata: true)"# => r#""sha256:042a7d64a581ef2ee983f21058801cc35663b705e6c55f62fa8e0f18ecc70989""#)]
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
