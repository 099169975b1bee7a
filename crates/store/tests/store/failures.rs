//! Runs that failed.

use std::time::{Duration, SystemTime};

use kukri_model::Digest;
use kukri_store::{PruneOptions, ResultRecord};

use crate::fixture::new_store;
use crate::records::record;

fn key(n: u64) -> Digest {
    Digest::of(&n.to_le_bytes())
}

#[test]
fn they_are_compared_with_like_results_also_after_a_restart() {
    let store = new_store();
    store.put_result(&key(0), record("went well", vec![])).unwrap();
    store.put_failures(&[(key(1), record("failed", vec![]))]).unwrap();
    let store = store.reopen();
    let slot = record("", vec![]).slot;
    let runs = store.nearest(&slot, &[], 16).unwrap();
    let said: Vec<_> = runs.iter().map(|run| (run.label.as_str(), run.failed, run.cost_ms)).collect();
    assert_eq!(said, [("failed", true, 12), ("went well", false, 12)]);
    assert_eq!(runs[0].inputs, record("failed", vec![]).inputs);
    assert_eq!(store.slots_labelled("fail", 10).unwrap(), [slot]);
    assert!(store.result_summary(&key(1)).unwrap().unwrap().failed);
    // Again: the same record, and the latest.
    store.put_result(&key(2), record("later", vec![])).unwrap();
    store.put_failures(&[(key(1), record("failed again", vec![]))]).unwrap();
    let runs = store.nearest(&slot, &[], 16).unwrap();
    assert_eq!(
        runs.iter().map(|run| run.label.as_str()).collect::<Vec<_>>(),
        ["failed again", "later", "went well"]
    );
}

#[test]
fn only_the_latest_stay_and_results_are_none_of_them() {
    let store = new_store();
    store.put_result(&key(0), record("went well", vec![])).unwrap();
    let failures: Vec<_> = (1..=3_000)
        .map(|n| {
            let created = SystemTime::UNIX_EPOCH + Duration::from_secs(n);
            (key(n), ResultRecord { created, ..record("failed", vec![]) })
        })
        .collect();
    for some in failures.chunks(700) {
        store.put_failures(some).unwrap();
    }
    let known = |n: u64| store.result_summary(&key(n)).unwrap().is_some();
    let kept: Vec<_> = (1..=3_000).filter(|n| known(*n)).collect();
    assert_eq!(kept, (1_001..=3_000).collect::<Vec<_>>());
    assert!(known(0));
}

#[test]
fn they_go_with_what_nobody_uses() {
    let store = new_store();
    store.put_failures(&[(key(1), record("failed", vec![]))]).unwrap();
    let young = PruneOptions { keep_duration: Some(Duration::from_secs(3600)), ..PruneOptions::default() };
    store.prune(&young).unwrap();
    assert!(store.result_summary(&key(1)).unwrap().is_some());
    let report = store.prune(&PruneOptions { all: true, ..PruneOptions::default() }).unwrap();
    assert_eq!(report.dropped.len(), 1);
    assert!(store.result_summary(&key(1)).unwrap().is_none());
}
