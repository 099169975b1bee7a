//! `Directory.withPatch`: applies a patch in the format of git, as `git apply` does. Lines may have moved, but must all be there.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Applies a patch in the format of git, as `git apply` does. Lines may have moved, but must all be there.
///
/// Binary contents, renames, copies, links and modes are understood. An empty patch changes nothing.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!", experimental = "")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "old\n").withPatch(patch: "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-old\n+new\n").file(path: "a.txt").contents"# => r#""new\n""#)]
pub struct WithPatch {
    /// The patch.
    patch: String,
}

impl Run for WithPatch {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        Ok(on.edited(Step::Patch(Arc::from(self.patch.into_bytes()))))
    }
}
