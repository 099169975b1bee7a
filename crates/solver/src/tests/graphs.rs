//! Deep, wide and random graphs.

use proptest::prelude::*;

use super::*;

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    match threads {
        0 => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build().unwrap(),
    }
}

fn chain(bench: &Bench, length: usize, weight: u32, bottom: Do) -> Arc<Int> {
    let mut op = bench.op("bottom", bottom, &[]);
    for n in 0..length {
        op = Int::weighing(&bench.log, &format!("s{n}"), Do::Add(1), weight, &[&op]);
    }
    op
}

const DEEP: usize = 10_000;

#[test]
fn deep_chains_need_no_stack_and_little_time() {
    for (threads, disk, weight) in [(0, false, 1), (2, false, 0), (0, true, 0), (2, true, 1)] {
        let bench = Bench::on(2, disk);
        runtime(threads).block_on(async {
            let top = chain(&bench, DEEP, weight, Do::Const(0));
            let begun = std::time::Instant::now();
            assert_eq!(bench.solve(&top).await.unwrap(), DEEP as i64);
            let ran = begun.elapsed();
            // The same contents by another recipe: all hits, but each vertex is looked at.
            let other = {
                let mut op = bench.op("other bottom", Do::Const(0), &[]);
                for n in 0..DEEP {
                    op = bench.op(&format!("s{n}.again"), Do::Add(1), &[&op]);
                }
                op
            };
            let begun = std::time::Instant::now();
            assert_eq!(bench.solve(&other).await.unwrap(), DEEP as i64);
            let found = begun.elapsed();
            let per = |time: Duration| time / DEEP as u32;
            assert_eq!(bench.log.runs.lock().unwrap().values().sum::<usize>(), DEEP + 2);
            bench.assert_idle(2).await;
            // Generous: a debug build on a busy machine. Quadratic behaviour would be far above.
            let limit = Duration::from_millis(1);
            assert!(
                per(ran) < limit && per(found) < limit,
                "{:?} per run, {:?} per hit",
                per(ran),
                per(found)
            );
        });
    }
}

#[test]
fn deep_chains_fail_and_are_cancelled_without_recursion() {
    for threads in [0, 2] {
        let bench = Bench::new(2);
        runtime(threads).block_on(async {
            let fails = chain(&bench, DEEP, 1, Do::Fail(Arc::new(AtomicUsize::new(1))));
            assert!(bench.solve(&fails).await.is_err());
            bench.assert_idle(2).await;
            let top = chain(&bench, DEEP, 1, Do::Wait(gate()));
            let task = bench.spawn("a", &bench.op("top", Do::Add(0), &[&top]));
            eventually(|| bench.log.runs("bottom") == 2).await;
            task.abort();
            bench.assert_idle(2).await;
        });
    }
}

#[test]
fn wide_graphs() {
    for threads in [0, 2] {
        let bench = Bench::new(4);
        runtime(threads).block_on(async {
            let base = bench.op("base", Do::Const(1), &[]);
            let wide: Vec<_> = (0..5_000).map(|n| bench.op(&format!("w{n}"), Do::Add(0), &[&base])).collect();
            let top = bench.op("top", Do::Add(0), &wide.iter().collect::<Vec<_>>());
            assert_eq!(bench.solve(&top).await.unwrap(), 5_000);
            assert_eq!(bench.log.runs("base"), 1);
            bench.assert_idle(4).await;
        });
    }
}

/// A vertex of a random graph: its weight, what it does, and which earlier vertices are its inputs.
type DagVertex = (u32, u8, Vec<prop::sample::Index>);

fn dag() -> impl Strategy<Value = Vec<DagVertex>> {
    prop::collection::vec(
        (0..5_u32, 0..10_u8, prop::collection::vec(any::<prop::sample::Index>(), 0..4)),
        1..40,
    )
}

fn build(bench: &Bench, dag: &[DagVertex]) -> (Vec<Arc<Int>>, Vec<Result<i64, ()>>) {
    let (mut ops, mut expected) = (Vec::<Arc<Int>>::new(), Vec::<Result<i64, ()>>::new());
    for (n, (weight, what, inputs)) in dag.iter().enumerate() {
        let inputs: Vec<usize> =
            if n == 0 { Vec::new() } else { inputs.iter().map(|index| index.index(n)).collect() };
        let what = match what {
            0 => Do::Sleep(Duration::from_micros(300)),
            1 if n % 3 == 0 => Do::Fail(Arc::new(AtomicUsize::new(usize::MAX))),
            2 => Do::Const(1),
            // Few different numbers, so that many vertices are equal by content.
            _ => Do::Add((n % 2) as i64),
        };
        let values: Result<Vec<i64>, ()> = inputs.iter().map(|input| expected[*input]).collect();
        expected.push(values.and_then(|values| match what {
            Do::Fail(_) => Err(()),
            Do::Const(n) => Ok(n),
            Do::Add(n) => Ok(values.iter().sum::<i64>().wrapping_add(n)),
            _ => Ok(values.iter().sum()),
        }));
        let inputs: Vec<&Arc<Int>> = inputs.iter().map(|input| &ops[*input]).collect();
        let name = match what {
            Do::Sleep(_) => "sleep",
            Do::Fail(_) => "fail",
            Do::Const(_) => "const",
            _ => "add",
        };
        ops.push(Int::weighing(&bench.log, &format!("{name}.{n}"), what, *weight, &inputs));
    }
    (ops, expected)
}

/// How long one case may take: a thousand times what it takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a case on a thread of its own, which is left behind if it does not end: a solver that hangs may do so without
/// ever giving a timer of its runtime a chance.
fn within_deadline(case: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(case));
        let _ = sender.send(result);
    });
    match receiver.recv_timeout(DEADLINE) {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => panic!("the solver hangs: a case did not end within {DEADLINE:?}"),
    }
}

/// What is asked of a graph: which vertex, whether the caller leaves, and after how many microseconds.
type Asked = (prop::sample::Index, bool, u64);

fn check_case(dag: &[DagVertex], slots: u32, threads: usize, disk: bool, asked: &[Asked]) {
    let bench = Bench::on(slots, disk);
    runtime(threads).block_on(async {
        let (ops, expected) = build(&bench, dag);
        let mut tasks = Vec::new();
        for (index, leaves, after) in asked {
            let index = index.index(ops.len());
            let task = bench.spawn("a", &ops[index]);
            if *leaves {
                let after = Duration::from_micros(*after);
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    task.abort();
                });
            } else {
                tasks.push((index, task));
            }
        }
        for (index, task) in tasks {
            assert_eq!(task.await.unwrap().map_err(|_| ()), expected[index]);
        }
        bench.assert_idle(slots).await;
        // A vertex that wants more than there are runs alone.
        assert!(bench.log.most_slots.load(Ordering::SeqCst) <= 4);
        for (index, op) in ops.iter().enumerate() {
            assert_eq!(bench.solve(op).await.map_err(|_| ()), expected[index]);
        }
        bench.assert_idle(slots).await;
    });
}

proptest! {
    // A failure that is a hang costs its deadline at each attempt to make it smaller.
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_time: 20_000, ..ProptestConfig::default() })]

    /// Whatever the graph, the slots and the callers: nobody hangs, everybody gets the right value, nothing stays.
    #[test]
    fn random_graphs_end(
        dag in dag(),
        slots in 1..4_u32,
        threads in 0..3_usize,
        disk in any::<bool>(),
        asked in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0..400_u64), 1..12),
    ) {
        within_deadline(move || check_case(&dag, slots, threads, disk, &asked));
    }
}
