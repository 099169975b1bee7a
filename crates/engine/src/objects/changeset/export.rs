//! `Changeset.export`: does the changes to a directory of the client's machine: writes what is new or changed, and removes what is gone.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::{Follow, try_exists};

use super::Changeset;
use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::objects::directory::Directory;
use crate::objects::{directory_tree, read_directory};
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Does the changes to a directory of the client's machine: writes what is new or changed, and removes what is gone.
///
/// A directory that the changes remove is removed with all that the client has in it, also with files that the changeset
/// knows nothing of, such as those that were left out when the directory was taken over. What the client has elsewhere
/// stays. `removedPaths` lists what would be removed; directories end with `/`.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "String!", cache = "never")]
#[example(r#"directory.withNewFile(path: "old", contents: "").export(path: "dist/site"); directory.withNewFile(path: "new", contents: "").changes(from: directory.withNewFile(path: "old", contents: "")).export(path: "dist/site"); host.directory(path: "dist/site").entries"# => r#"["new"]"#)]
#[example(r#"directory.withNewFile(path: "old/known", contents: "").withNewFile(path: "old/other", contents: "").withNewFile(path: "stays", contents: "").export(path: "dist/tree"); directory.changes(from: directory.withNewFile(path: "old/known", contents: "")).export(path: "dist/tree"); host.directory(path: "dist/tree").entries"# => r#"["stays"]"#)]
pub struct Export {
    /// Where, relative to the client's working directory.
    path: String,
}

impl Run for Export {
    type On = Changeset;
    type Output = String;

    async fn run(self, on: Arc<Changeset>, cx: &Cx) -> Result<String, OpError> {
        let removed = on.paths(cx).await?.removed;
        check_names(cx, &on, &removed).await?;
        let remove = removed.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        let before = Directory { source: on.before.clone() };
        let changed = before.edited(Step::Diff(on.after.clone())).source;
        let layer = directory_tree(cx, &changed).await?;
        cx.session.export_changes(cx, changed.tree, layer, self.path, remove).await
    }
}

/// Clients are told what to remove as text. Names that are none look like others in `removed`, and would stay silently.
async fn check_names(cx: &Cx, on: &Changeset, removed: &[String]) -> Result<(), OpError> {
    let doubtful = |path: &&String| path.contains(char::REPLACEMENT_CHARACTER);
    let doubtful: Vec<String> = removed.iter().filter(doubtful).cloned().collect();
    if doubtful.is_empty() {
        return Ok(());
    }
    read_directory(cx, &on.before, move |store, before| {
        for path in doubtful {
            if !try_exists(store, before, path.trim_end_matches('/'), Follow::Parents).or_fail()? {
                return Err(OpError::new(format!(
                    "{path} is to be removed, but its name is not UTF-8, and nothing was written: export the directory \
                     itself, with `wipe` if nothing else shall stay"
                )));
            }
        }
        Ok(())
    })
    .await
}
