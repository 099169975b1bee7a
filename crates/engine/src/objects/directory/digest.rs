//! `Directory.digest`: the digest of the contents, in the format `sha256:…`. Modification times do not count.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::hash::{directory_digest, hash_text};

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::error::OrFail;
use crate::objects;
use crate::operation::Run;

/// The digest of the contents, in the format `sha256:…`. Modification times do not count.
#[derive(Operation)]
#[operation(on = "Directory", returns = "String!")]
#[example(r#"directory.withNewFile(path: "foo.txt", contents: "Hello, World!").digest"# => r#""sha256:48ac4b4b73af8a75a3c77e9dc6211d89321c6ed4f13c6987c6837ac58645bd89""#)]
pub struct Digest {}

impl Run for Digest {
    type On = Directory;
    type Output = String;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<String, OpError> {
        objects::read_directory(cx, &on.source, |store, tree| {
            directory_digest(store, &objects::Hashes(store), tree).map(|hash| hash_text(&hash)).or_fail()
        })
        .await
    }
}
