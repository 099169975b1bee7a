//! `Changeset.asPatch`: the changes as a patch in the format of git, in a file `diff.patch`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;
use crate::vertex::TreeHandle;
use crate::vertex::edit::{Source, Step, edit};

/// The name of the file.
const NAME: &str = "diff.patch";

/// The changes as a patch in the format of git, in a file `diff.patch`.
///
/// Binary contents and renames are part of it; owners, times, empty directories and modes beyond "can be executed" are
/// not. Without changes the file is empty.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "File!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "hello\n").changes(from: directory).asPatch.contents"# => r#""diff --git a/a.txt b/a.txt\nnew file mode 100644\n…+hello\n""#)]
pub struct AsPatch {}

impl Run for AsPatch {
    type On = Changeset;
    type Output = File;

    async fn run(self, on: Arc<Changeset>, _: &Cx) -> Result<File, OpError> {
        let step = Step::Difference { path: NAME.into(), before: on.before.clone(), after: on.after.clone() };
        Ok(File { source: Source { tree: edit(TreeHandle::empty(), step), path: NAME.into() } })
    }
}
