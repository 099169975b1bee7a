//! What the command line asks of an engine about its store.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use kukri_solver::{MissReason, explain};
use kukri_store::{
    Budget, Entry, KindUsage, PruneOptions, PruneReport, ResultSummary, Space, Spare, Usage, VerifyOptions,
};
use serde_json::{Value as Json, json};

use super::observer::why;
use super::{Engine, nearest};
use crate::error::{OpError, OrFail};

impl Engine {
    /// What takes how much space. What a prune would spare now is not told as reclaimable.
    pub async fn usage(&self) -> Result<Usage, OpError> {
        let (store, spare) = (self.store().clone(), self.spared());
        crate::blocking(move || store.du(spare).or_fail()).await
    }

    /// How much room there is, and how much of it the store may take.
    pub async fn store_space(&self) -> Result<Space, OpError> {
        let store = self.store().clone();
        crate::blocking(move || store.space().or_fail()).await
    }

    /// The limits that the collector keeps to.
    pub async fn store_budget(&self) -> Result<Budget, OpError> {
        self.store_space().await.map(|space| space.budget)
    }

    /// Removes what is not in use. What was written or asked for since the first of the clients came that are connected
    /// is spared: they may be about to refer to it.
    pub async fn prune(&self, mut options: PruneOptions) -> Result<Json, OpError> {
        let store = self.store().clone();
        options.spare = self.spared();
        let clients = self.client_ids().len();
        let report = crate::blocking(move || store.prune(&options).or_fail()).await?;
        self.forget_pruned(&report);
        let mut answer = prune_json(&report);
        answer["sessions"] = json!(clients);
        Ok(answer)
    }

    /// Removes what the configured limits do not allow to stay, but nothing that was written or asked for since the first of
    /// the clients came that are connected.
    pub async fn collect(self: &Arc<Self>) -> Result<Json, OpError> {
        let store = self.store().clone();
        // Whoever comes from now on may rely on what is there.
        let live = match self.spared() {
            Spare::Nothing => Spare::Since(Instant::now()),
            spare => spare,
        };
        let report = crate::blocking(move || store.gc(live).or_fail()).await?;
        self.forget_pruned(&report);
        Ok(prune_json(&report))
    }

    /// The collector looks every few minutes, and mostly nothing goes: then what is in memory still holds.
    fn forget_pruned(&self, report: &PruneReport) {
        let PruneReport { dropped, nodes, packed, objects, layers, .. } = report;
        if !dropped.is_empty() || nodes + packed + objects + layers > 0 {
            self.solver().forget_all();
        }
    }

    /// The latest runs, well ended or not, of steps whose label has `part` in it, each with what differs from the nearest run before it.
    pub async fn why(self: &Arc<Self>, part: &str) -> Result<Json, OpError> {
        /// Most steps that are explained.
        const STEPS: u32 = 10;
        let (store, part) = (self.store().clone(), part.to_owned());
        crate::blocking(move || {
            let mut runs = Vec::new();
            for slot in store.slots_labelled(&part, STEPS).or_fail()? {
                // Many more than are shown, so that the oldest shown has others to be compared with.
                let history = store.nearest(&slot, &[], 5 * nearest::RUNS).or_fail()?;
                for (index, run) in history.iter().enumerate().take(nearest::RUNS) {
                    let same = history.get(index + 1..).unwrap_or_default();
                    let before = |earlier: &ResultSummary| earlier.order < run.order;
                    let earlier = nearest::earlier(&store, same, &run.inputs, &run.label, before);
                    let reason = match explain(&run.inputs, &earlier) {
                        MissReason::FirstRun => "first run that is known".to_owned(),
                        reason => why(&reason),
                    };
                    runs.push(json!({
                        "label": run.label,
                        "created": seconds(run.created),
                        "costMs": run.cost_ms,
                        "why": reason,
                        "failed": run.failed,
                    }));
                }
            }
            Ok(json!({ "runs": runs }))
        })
        .await
    }

    /// Drops the results that refer to contents which were found to be damaged or gone since the last call, so that they
    /// are made again. How many records went.
    pub async fn mend(self: &Arc<Self>) -> Result<usize, OpError> {
        if !self.store().take_lost() {
            return Ok(0);
        }
        let report = self.verify(VerifyOptions { deep: false, repair: true }).await?;
        Ok(report["problems"].as_array().map_or(0, Vec::len))
    }

    /// Checks everything that is kept.
    pub async fn verify(self: &Arc<Self>, options: VerifyOptions) -> Result<Json, OpError> {
        let store = self.store().clone();
        let report = crate::blocking(move || store.verify(options).or_fail()).await?;
        if report.problems.iter().any(|problem| problem.repaired) {
            self.solver().forget_all();
        }
        let problems: Vec<Json> = report
            .problems
            .iter()
            .map(|problem| {
                json!({
                    "kind": problem.kind,
                    "id": problem.id,
                    "reason": problem.reason,
                    "repaired": problem.repaired,
                })
            })
            .collect();
        Ok(json!({ "checked": report.checked, "problems": problems, "leftovers": report.leftovers }))
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

fn entry_json(entry: &Entry) -> Json {
    json!({
        "kind": format!("{:?}", entry.kind).to_lowercase(),
        "id": entry.id,
        "label": entry.label,
        "bytes": entry.bytes,
        "created": seconds(entry.created),
        "lastUsed": seconds(entry.last_used),
        "inUse": entry.in_use,
    })
}

/// The answer of `du`.
#[must_use]
pub fn usage_json(usage: &Usage) -> Json {
    let kind = |kind: &KindUsage| json!({ "count": kind.count, "bytes": kind.bytes, "reclaimable": kind.reclaimable });
    json!({
        "totalBytes": usage.total_bytes,
        "kinds": {
            "packed": kind(&usage.packed),
            "objects": kind(&usage.objects),
            "trees": kind(&usage.nodes),
            "layers": kind(&usage.layers),
            "results": kind(&usage.results),
            "volumes": kind(&usage.volumes),
            "index": kind(&usage.index),
        },
        "entries": usage.entries.iter().map(entry_json).collect::<Vec<_>>(),
    })
}

/// The answer of `prune` and `gc`.
#[must_use]
pub fn prune_json(report: &PruneReport) -> Json {
    let dropped: Vec<Json> = report
        .dropped
        .iter()
        .map(|dropped| {
            let mut entry = entry_json(&dropped.entry);
            entry["reason"] = json!(dropped.reason);
            entry
        })
        .collect();
    json!({
        "freedBytes": report.freed_bytes,
        "keptBytes": report.kept_bytes,
        "nodes": report.nodes,
        "packed": report.packed,
        "objects": report.objects,
        "layers": report.layers,
        "dropped": dropped,
    })
}
