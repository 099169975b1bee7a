//! `Directory.withPatchFile`: applies the patch in a file. See `withPatch`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Applies the patch in a file. See `withPatch`.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!", experimental = "")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "old\n").withPatchFile(patch: directory.withNewFile(path: "a.txt", contents: "new\n").changes(from: directory.withNewFile(path: "a.txt", contents: "old\n")).asPatch).file(path: "a.txt").contents"# => r#""new\n""#)]
pub struct WithPatchFile {
    /// The file with the patch.
    patch: Ref<File>,
}

impl Run for WithPatchFile {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        Ok(on.edited(Step::PatchFile(self.patch.object.source.clone())))
    }
}
