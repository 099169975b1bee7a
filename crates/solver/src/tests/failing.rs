//! Failures and panics.

use super::*;

#[tokio::test]
async fn a_failure_reaches_all_who_wait_and_is_not_kept() {
    let bench = Bench::new(4);
    let gate = gate();
    let slow = bench.op("slow", Do::Wait(gate.clone()), &[]);
    let fail = bench.op("fail", Do::Fail(Arc::new(AtomicUsize::new(1))), &[&slow]);
    let tops: Vec<_> = (0..3).map(|n| bench.op(&format!("top{n}"), Do::Add(n), &[&fail])).collect();
    let tasks: Vec<_> = tops.iter().map(|op| bench.spawn("a", op)).collect();
    eventually(|| bench.solver.census().1 == 3).await;
    gate.add_permits(1);
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.error().map(|error| &**error), Some("as told"));
        assert_eq!(*error.definition(), fail.definition);
        assert!(error.to_string().starts_with("fail: "));
    }
    bench.assert_idle(4).await;
    assert_eq!(bench.solve(&tops[1]).await.unwrap(), 1);
    assert_eq!((bench.log.runs("fail"), bench.log.runs("slow")), (2, 1));
}

/// What failed is compared with, and is never a result.
#[tokio::test]
async fn the_next_run_says_that_it_failed_or_what_changed() {
    for disk in [false, true] {
        let bench = Bench::on(1, disk);
        let number = |number| bench.op(&format!("n.{number}"), Do::Const(number), &[]);
        let times = Arc::new(AtomicUsize::new(3));
        let on = |input: &Arc<Int>| bench.op("fail", Do::Fail(times.clone()), &[input]);
        let (one, two) = (on(&number(1)), on(&number(2)));
        let mut said = Vec::new();
        for op in [&one, &one, &two, &one] {
            let solved = bench.solve(op).await.ok();
            let decision = bench.notes.take().into_iter().find(|note| note.ends_with("fail"));
            said.push((decision.unwrap(), solved));
            // As after a restart.
            bench.solver.forget_all();
        }
        let expected =
            [("a first fail", None), ("a failed-before fail", None), ("a changed(input 0) fail", None)];
        let expected = expected.map(|(note, solved)| (note.to_owned(), solved));
        assert_eq!(said[..3], expected, "{disk}");
        assert_eq!(said[3], ("a failed-before fail".to_owned(), Some(1)), "{disk}");
        assert_eq!(bench.solve(&one).await.unwrap(), 1);
        assert_eq!(bench.notes.take(), ["a known fail"]);
        bench.assert_idle(1).await;
    }
}

/// A failed input ends the vertex at once, and what else it was waiting for.
#[tokio::test]
async fn a_failure_does_not_wait_for_other_inputs() {
    let bench = Bench::new(4);
    let never = bench.op("never", Do::Wait(gate()), &[]);
    let fail = bench.op("fail", Do::Fail(Arc::new(AtomicUsize::new(1))), &[]);
    let top = bench.op("top", Do::Add(0), &[&never, &fail, &never]);
    assert!(bench.solve(&top).await.is_err());
    bench.assert_idle(4).await;
    eventually(|| bench.log.slots.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_panic_is_an_error() {
    let bench = Bench::new(1);
    for (what, message) in [
        (Do::PanicInRun, "no run"),
        (Do::PanicInPoll, "no poll of p"),
        (Do::PanicInKey, "no key"),
        (Do::PanicInInputs, "no inputs"),
    ] {
        let op = bench.op("p", what, &[]);
        let top = bench.op("top", Do::Add(0), &[&op]);
        match bench.solve(&top).await {
            Err(SolveError::Panicked { label, message: said, .. }) => {
                assert_eq!((&*label, said.as_str()), ("p", message));
            }
            other => panic!("{other:?}"),
        }
        bench.assert_idle(1).await;
    }
    assert_eq!(bench.solve(&bench.op("after", Do::Const(1), &[])).await.unwrap(), 1);
}

/// A runtime that is shut down takes its runs along, but not the solver.
#[test]
fn shutdown_of_one_runtime_fails_what_ran_there() {
    let bench = Bench::new(1);
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let gate = gate();
    let waits: Vec<_> = (0..5_000).map(|n| bench.op(&format!("w{n}"), Do::Wait(gate.clone()), &[])).collect();
    let tops: Vec<_> =
        waits.iter().map(|wait| bench.op(&format!("top {}", wait.name), Do::Add(0), &[wait])).collect();
    let mut tasks = Vec::new();
    for (wait, top) in waits.iter().zip(&tops) {
        let (solver, wait, top) = (bench.solver.clone(), wait.clone(), top.clone());
        let other = solver.clone();
        tasks.push((first.spawn(async move { solver.solve(wait, "a").await }), top, other));
    }
    first.block_on(eventually(|| bench.solver.census().1 == 5_000));
    let joined: Vec<_> = tasks
        .into_iter()
        .map(|(_, top, solver)| second.spawn(async move { solver.solve(top, "b").await }))
        .collect();
    second.block_on(eventually(|| bench.solver.census().1 == 10_000));
    first.shutdown_timeout(Duration::from_secs(5));
    // What was inherited in time goes on in the other runtime.
    gate.add_permits(5_000);
    second.block_on(async {
        for task in joined {
            let solved = tokio::time::timeout(Duration::from_secs(20), task).await.unwrap().unwrap();
            assert!(matches!(solved, Ok(0) | Err(SolveError::ShutDown { .. })), "{solved:?}");
        }
        assert_eq!(bench.solve(&bench.op("after", Do::Const(1), &[])).await.unwrap(), 1);
        bench.assert_idle(1).await;
    });
}
