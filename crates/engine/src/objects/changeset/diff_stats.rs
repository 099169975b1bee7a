//! `Changeset.diffStats`: how many lines changed, by path.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::error::OrFail;
use crate::objects::diff_stat::DiffStat;
use crate::operation::Run;
use crate::vertex::edit_run::Blobs;

/// How many lines changed, by path. Directories that were added or removed are listed too, with no lines of their own.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "[DiffStat!]!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one\ntwo\n").changes(from: directory.withNewFile(path: "a.txt", contents: "one\n")).diffStats.addedLines"# => r#"[1]"#)]
pub struct DiffStats {}

impl Run for DiffStats {
    type On = Changeset;
    type Output = Vec<DiffStat>;

    async fn run(self, on: Arc<Changeset>, cx: &Cx) -> Result<Vec<DiffStat>, OpError> {
        let stats = on.compare(cx, |store, before, after| {
            kukri_tree::diff_stats(store, &Blobs(store), before, after).or_fail()
        });
        Ok(stats.await?.into_iter().map(|stat| DiffStat { stat }).collect())
    }
}
