//! What is in memory is worth something only as long as the cache behind it has it.

use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;
use crate::{Earlier, EarlierRun, Lookup, Recipe, Record, Remembered, ResultCache};

/// A cache of which things may go.
#[derive(Default)]
struct Shrinking {
    cache: MemoryCache<i64>,
    losses: AtomicU64,
    /// Whether something is just going.
    busy: AtomicBool,
    reminded: Mutex<Vec<Remembered<i64>>>,
}

impl Shrinking {
    fn lose_all(&self) {
        self.cache.evict_all();
        self.losses.fetch_add(1, Ordering::SeqCst);
    }

    fn reminded(&self) -> Vec<(Recipe, i64)> {
        let reminded = std::mem::take(&mut *self.reminded.lock().unwrap());
        // Each of them under its key as well: it is used, and not only what leads to it.
        let kept = |remembered: &Remembered<i64>| {
            remembered.key.is_some_and(|key| matches!(self.cache.by_key(&key), Lookup::Hit { .. }))
        };
        assert!(reminded.iter().all(kept), "{reminded:?}");
        reminded.into_iter().map(|remembered| (remembered.recipe, remembered.value)).collect()
    }
}

impl ResultCache<i64> for Arc<Shrinking> {
    fn by_definition(&self, definition: &Digest) -> Lookup<i64> {
        self.cache.by_definition(definition)
    }
    fn by_key(&self, key: &Digest) -> Lookup<i64> {
        self.cache.by_key(key)
    }
    fn remind(&self, remembered: &[Remembered<i64>], wait: bool) -> Option<u64> {
        if self.busy.load(Ordering::SeqCst) && !wait {
            return None;
        }
        self.reminded.lock().unwrap().extend_from_slice(remembered);
        Some(self.losses.load(Ordering::SeqCst))
    }
    fn nearest(&self, key: &ContentKey, label: &str) -> Vec<Earlier> {
        self.cache.nearest(key, label)
    }
    fn store(&self, record: Record<'_, i64>) {
        self.cache.store(record);
    }
    fn link(&self, definition: &Digest, key: &Digest, run: EarlierRun) {
        self.cache.link(definition, key, run);
    }
}

fn bench() -> (Bench, Arc<Shrinking>) {
    let cache = Arc::<Shrinking>::default();
    let bench = Bench::new(1);
    let solver = Solver::new(SolverConfig::default(), Arc::new(Arc::clone(&cache)), bench.notes.clone());
    (Bench { solver, ..bench }, cache)
}

#[tokio::test]
async fn what_is_given_from_memory_is_looked_after() {
    let (bench, cache) = bench();
    let one = bench.op("one", Do::Const(1), &[]);
    bench.solve(&one).await.unwrap();
    assert_eq!(cache.reminded(), []);
    bench.solve(&one).await.unwrap();
    assert_eq!(cache.reminded(), [(Recipe::Definition(one.definition), 1)]);
    // As an input.
    let two = bench.op("two", Do::Add(1), &[&one]);
    bench.solve(&two).await.unwrap();
    assert_eq!(cache.reminded(), [(Recipe::Definition(one.definition), 1)]);
    // Made in another way of the same.
    let also_one = bench.op("also one", Do::Const(1), &[]);
    let also_two = bench.op("two.2", Do::Add(1), &[&also_one]);
    bench.solve(&also_two).await.unwrap();
    let reminded = cache.reminded();
    assert!(matches!(reminded[..], [(Recipe::Key(_), 2)]), "{reminded:?}");
    assert_eq!(bench.log.runs("two.2"), 0);
}

#[tokio::test]
async fn what_the_cache_has_lost_is_not_given_from_memory() {
    let (bench, cache) = bench();
    let one = bench.op("one", Do::Const(1), &[]);
    let two = bench.op("two", Do::Add(1), &[&one]);
    bench.solve(&two).await.unwrap();
    cache.lose_all();
    bench.solve(&two).await.unwrap();
    assert_eq!((bench.log.runs("one"), bench.log.runs("two")), (2, 2));
    // As an input.
    cache.lose_all();
    let three = bench.op("three", Do::Add(2), &[&one]);
    bench.solve(&three).await.unwrap();
    assert_eq!(bench.log.runs("one"), 3);
    // By its content: another way to something equal.
    bench.solve(&bench.op("also one", Do::Const(1), &[])).await.unwrap();
    cache.lose_all();
    let also_three = bench.op("three.2", Do::Add(2), &[&bench.op("one more", Do::Const(1), &[])]);
    bench.solve(&also_three).await.unwrap();
    assert_eq!(bench.log.runs("three.2"), 1);
    // And not more often than needed.
    bench.solve(&also_three).await.unwrap();
    assert_eq!(bench.log.runs("three.2"), 1);
}

/// While something goes, nobody waits on a thread that has other things to do.
#[tokio::test]
async fn a_request_does_not_wait_for_what_is_going() {
    let (bench, cache) = bench();
    let one = bench.op("one", Do::Const(1), &[]);
    bench.solve(&one).await.unwrap();
    bench.notes.take();
    cache.busy.store(true, Ordering::SeqCst);
    assert_eq!(bench.solve(&one).await.unwrap(), 1);
    assert_eq!((cache.reminded(), bench.notes.take()), (vec![], vec!["a known one".to_owned()]));
    cache.lose_all();
    assert_eq!(bench.solve(&one).await.unwrap(), 1);
    assert_eq!(bench.log.runs("one"), 2);
}
