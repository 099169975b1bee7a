//! Hits, misses and their reasons.

use super::*;

#[tokio::test]
async fn a_known_vertex_is_one_look_up() {
    let bench = Bench::new(1);
    let mut op = bench.op("c", Do::Const(1), &[]);
    for n in 0..100 {
        op = bench.op(&format!("s{n}"), Do::Add(1), &[&op]);
    }
    assert_eq!(bench.solve(&op).await.unwrap(), 101);
    bench.notes.take();
    assert_eq!(bench.solve(&op).await.unwrap(), 101);
    assert_eq!(bench.notes.take(), ["a known s99"]);
    bench.solver.forget_all();
    assert_eq!(bench.solve(&op).await.unwrap(), 101);
    assert_eq!(bench.notes.take(), ["a known s99"], "from the cache behind the memory");
    let top = bench.op("top", Do::Add(1), &[&op, &op]);
    bench.solve(&top).await.unwrap();
    assert_eq!(bench.notes.take(), ["a known s99", "a first top", "a start top", "a =203 top"]);
}

/// An input that changes but comes out equal changes nothing downstream.
#[tokio::test]
async fn early_cut_off() {
    let bench = Bench::new(1);
    let chain = |number| {
        let number = bench.op("n", Do::Const(number), &[]);
        let half = bench.op("half", Do::Halve, &[&number]);
        bench.op("top", Do::Add(1), &[&half])
    };
    assert_eq!(bench.solve(&chain(6)).await.unwrap(), 4);
    bench.notes.take();
    assert_eq!(bench.solve(&chain(7)).await.unwrap(), 4);
    assert_eq!(
        bench.notes.take(),
        [
            "a changed(number) n",
            "a start n",
            "a =7 n",
            "a changed(input 0) half",
            "a start half",
            "a =3 half",
            "a equal top"
        ]
    );
    bench.solver.forget_all();
    assert_eq!(bench.solve(&chain(7)).await.unwrap(), 4);
    assert_eq!(bench.notes.take(), ["a known top"], "the new recipe leads to the old result");
    assert_eq!(bench.solve(&chain(9)).await.unwrap(), 5);
    assert!(bench.notes.take().contains(&"a changed(input 0) top".to_owned()));
}

#[tokio::test]
async fn evicted_results_are_computed_again() {
    let bench = Bench::new(1);
    let op = bench.op("c", Do::Const(1), &[]);
    bench.solve(&op).await.unwrap();
    bench.cache.evict_all();
    bench.solver.forget_all();
    bench.notes.take();
    bench.solve(&op).await.unwrap();
    assert_eq!(bench.notes.take(), ["a evicted c", "a start c", "a =1 c"]);
}

/// What is never cached is computed once per request, and taints the recipes downstream, but not their contents.
#[tokio::test]
async fn uncacheable_vertices() {
    let bench = Bench::new(2);
    let ticks = Arc::new(AtomicUsize::new(0));
    let now = bench.op("now", Do::Tick(ticks.clone()), &[]);
    let slow = bench.op("slow", Do::Sleep(Duration::from_millis(20)), &[]);
    let late = bench.op("late", Do::Add(0), &[&slow, &now]);
    let half = bench.op("half", Do::Halve, &[&now]);
    let top = bench.op("top", Do::Add(0), &[&half, &late, &now]);
    assert_eq!(bench.solve(&top).await.unwrap(), 0);
    assert_eq!(bench.log.runs("now"), 1);
    bench.notes.take();
    assert_eq!(bench.solve(&top).await.unwrap(), 2, "now is 1: it was computed again");
    let notes = bench.notes.take();
    assert!(notes.contains(&"a never now".to_owned()));
    assert!(notes.contains(&"a changed(input 0) half".to_owned()), "{notes:?}");
    assert!(notes.contains(&"a known slow".to_owned()));
    ticks.store(0, Ordering::SeqCst);
    assert_eq!(bench.solve(&top).await.unwrap(), 0);
    assert!(bench.notes.take().contains(&"a equal top".to_owned()));
}

/// Within one request an uncacheable vertex is computed once even if it is over before it is met again.
#[tokio::test]
async fn one_request_sees_one_value_of_an_uncacheable_vertex() {
    let bench = Bench::new(1);
    let now = bench.op("now", Do::Tick(Arc::new(AtomicUsize::new(5))), &[]);
    // More vertices than are met in one go: some meet it when it is over.
    let mut tops = Vec::new();
    for n in 0..200 {
        tops.push(bench.op(&format!("t{n}"), Do::Add(0), &[&now]));
    }
    let top = bench.op("top", Do::Add(0), &tops.iter().collect::<Vec<_>>());
    assert_eq!(bench.solve(&top).await.unwrap(), 1_000);
    assert_eq!(bench.log.runs("now"), 1);
}

#[tokio::test]
async fn memory_is_bounded_and_the_cache_is_not_forgotten() {
    let (log, notes, cache) =
        (Arc::<Log>::default(), Arc::<Notes>::default(), Arc::<MemoryCache<i64>>::default());
    let solver = Solver::new(SolverConfig { memory: 10, ..Default::default() }, cache, notes.clone());
    let ops: Vec<_> = (0..100).map(|n| Int::new(&log, &format!("c{n}"), Do::Const(n), &[])).collect();
    for _ in 0..2 {
        for (n, op) in ops.iter().enumerate() {
            assert_eq!(solver.solve(op.clone(), "a").await.unwrap(), n as i64);
        }
    }
    assert!((0..100).all(|n| log.runs(&format!("c{n}")) == 1));
}

#[tokio::test(flavor = "current_thread")]
async fn a_blocking_cache_does_not_block_the_runtime() {
    let log = Arc::<Log>::default();
    let cache = Arc::new(Disk(Arc::default(), Duration::from_millis(5)));
    let config = SolverConfig { cache_threads: 8, ..Default::default() };
    let solver = Solver::new(config, cache, Arc::new(crate::NoObserver));
    let inputs: Vec<_> = (0..32).map(|n| Int::new(&log, &format!("c{n}"), Do::Const(n), &[])).collect();
    let top = Int::new(&log, "top", Do::Add(0), &inputs.iter().collect::<Vec<_>>());
    let mut longest = Duration::ZERO;
    let begun = std::time::Instant::now();
    let solved = solver.solve(top, "a");
    tokio::pin!(solved);
    let value = loop {
        let turn = std::time::Instant::now();
        tokio::select! {
            value = &mut solved => break value,
            () = tokio::time::sleep(Duration::from_millis(1)) => longest = longest.max(turn.elapsed()),
        }
    };
    assert_eq!(value.unwrap(), (0..32).sum::<i64>());
    // One after the other it would be 64 look-ups of 5 ms.
    assert!(begun.elapsed() < Duration::from_millis(250), "look-ups run side by side: {:?}", begun.elapsed());
    assert!(longest < Duration::from_millis(100), "{longest:?}");
    assert_eq!(solver.census().0, 0);
}
