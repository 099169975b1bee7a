//! Callers who go away.

use super::*;

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled() {
    let bench = Bench::new(2);
    let waits: Vec<_> = (0..4).map(|n| bench.op(&format!("w{n}"), Do::Wait(gate()), &[])).collect();
    let middle = bench.op("middle", Do::Add(0), &waits.iter().collect::<Vec<_>>());
    let task = bench.spawn("a", &bench.op("top", Do::Add(0), &[&middle]));
    eventually(|| bench.log.slots.load(Ordering::SeqCst) == 2).await;
    task.abort();
    bench.assert_idle(2).await;
    eventually(|| bench.log.dropped.load(Ordering::SeqCst) == 2).await;
    assert_eq!((bench.log.runs("w2"), bench.log.runs("w3"), bench.log.runs("top")), (0, 0, 0));
    // Everybody who was told of a miss was told of its end.
    eventually(|| bench.notes.all().iter().filter(|note| note.starts_with("a cancelled w")).count() == 4)
        .await;
    // And the slots are good for others.
    assert_eq!(bench.solve(&bench.op("after", Do::Const(1), &[])).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_waits_for_goes_on() {
    let bench = Bench::new(2);
    let gate = gate();
    let base = bench.op("base", Do::Wait(gate.clone()), &[]);
    let leaver = bench.spawn("a", &bench.op("x", Do::Add(1), &[&base]));
    eventually(|| bench.log.runs("base") == 1).await;
    let stayer = bench.spawn("b", &bench.op("y", Do::Add(2), &[&base]));
    eventually(|| bench.notes.all().contains(&"b joined base".to_owned())).await;
    leaver.abort();
    eventually(|| bench.solver.census().1 == 1).await;
    gate.add_permits(1);
    assert_eq!(stayer.await.unwrap().unwrap(), 2);
    assert_eq!((bench.log.runs("base"), bench.log.dropped.load(Ordering::SeqCst)), (1, 0));
    assert_eq!(bench.log.runs("x"), 0);
    bench.assert_idle(2).await;
}

/// The one who follows a run with the same key keeps it alive, too.
#[tokio::test]
async fn a_follower_keeps_the_run() {
    let bench = Bench::new(2);
    let gate = gate();
    let one = bench.op("work.1", Do::Wait(gate.clone()), &[&bench.op("n1", Do::Const(4), &[])]);
    let two = bench.op("work.2", Do::Wait(gate.clone()), &[&bench.op("n2", Do::Const(4), &[])]);
    let leaver = bench.spawn("a", &one);
    eventually(|| bench.log.runs("work.1") == 1).await;
    let stayer = bench.spawn("b", &two);
    eventually(|| bench.notes.all().contains(&"b joined work.2".to_owned())).await;
    leaver.abort();
    eventually(|| bench.solver.census().1 == 1).await;
    gate.add_permits(1);
    assert_eq!(stayer.await.unwrap().unwrap(), 4);
    assert_eq!(bench.log.runs("work.2"), 0);
    let follower =
        bench.spawn("c", &bench.op("work.3", Do::Wait(gate), &[&bench.op("n3", Do::Const(9), &[])]));
    eventually(|| bench.log.runs("work.3") == 1).await;
    follower.abort();
    bench.assert_idle(2).await;
}

/// The token fires for what the future has handed to others.
#[tokio::test]
async fn a_cancelled_vertex_starts_afresh_for_the_next_caller() {
    let bench = Bench::new(1);
    let gate = gate();
    let op = bench.op("w", Do::Wait(gate.clone()), &[]);
    for round in 1..=5 {
        let task = bench.spawn("a", &op);
        eventually(|| bench.log.runs("w") == round).await;
        task.abort();
        bench.assert_idle(1).await;
    }
    gate.add_permits(1);
    assert_eq!(bench.solve(&op).await.unwrap(), 0);
    assert_eq!(bench.log.runs("w"), 6);
}

/// Those who leave a long run do not pile up in it.
#[tokio::test]
async fn thousands_join_and_leave() {
    let bench = Bench::new(1);
    let gate = gate();
    let op = bench.op("w", Do::Wait(gate.clone()), &[]);
    let stayer = bench.spawn("a", &op);
    eventually(|| bench.log.runs("w") == 1).await;
    for _ in 0..3_000 {
        let left = bench.solver.solve(op.clone(), "b");
        assert!(left.now_or_never().is_none());
    }
    gate.add_permits(1);
    assert_eq!(stayer.await.unwrap().unwrap(), 0);
    bench.assert_idle(1).await;
}

/// What has outlived its request goes on in the name of one that is there, with all that it still needs.
#[tokio::test]
async fn a_run_is_given_the_context_of_somebody_who_is_there() {
    let bench = Bench::new(1);
    let (first, second) = (gate(), gate());
    let bottom = bench.op("bottom", Do::Wait(first.clone()), &[]);
    let queued = bench.op("queued", Do::Wait(second.clone()), &[]);
    let middle = bench.op("middle", Do::Add(1), &[&bottom, &queued]);
    let leaver = bench.spawn("a", &bench.op("x", Do::Add(1), &[&middle]));
    eventually(|| bench.notes.all().contains(&"a first queued".to_owned())).await;
    let stayer = bench.spawn("b", &bench.op("y", Do::Add(2), &[&middle]));
    eventually(|| bench.notes.all().contains(&"b joined middle".to_owned())).await;
    leaver.abort();
    eventually(|| bench.notes.all().contains(&"b first queued".to_owned())).await;
    second.add_permits(1);
    first.add_permits(1);
    assert_eq!(stayer.await.unwrap().unwrap(), 3);
    let told = |request| {
        let notes = bench.notes.all();
        notes.into_iter().filter(|note| note.starts_with(request)).collect::<Vec<_>>()
    };
    assert_eq!(
        told("a "),
        ["a first bottom", "a first queued", "a start bottom", "a cancelled queued", "a =0 bottom"]
    );
    assert_eq!(
        told("b "),
        [
            "b joined middle",
            "b joined queued",
            "b joined bottom",
            "b first queued",
            "b =0 bottom",
            "b start queued",
            "b =0 queued",
            "b =0 queued",
            "b first middle",
            "b start middle",
            "b =1 middle",
            "b =1 middle",
            "b first y",
            "b start y",
            "b =3 y"
        ]
    );
    assert_eq!((bench.log.runs("bottom"), bench.log.runs("queued")), (1, 1));
    bench.assert_idle(1).await;
}

/// A run may fail because the session in whose name it runs is gone: others do not suffer for that.
#[tokio::test]
async fn a_failure_in_the_name_of_somebody_who_left_is_tried_again() {
    let bench = Bench::new(1);
    let gate = gate();
    let op = bench.op("fail", Do::FailAfter(gate.clone(), Arc::new(AtomicUsize::new(1))), &[]);
    let leaver = bench.spawn("a", &op);
    eventually(|| bench.log.runs("fail") == 1).await;
    let stayer = bench.spawn("b", &op);
    eventually(|| bench.notes.all().contains(&"b joined fail".to_owned())).await;
    leaver.abort();
    eventually(|| bench.solver.census().1 == 1).await;
    gate.add_permits(2);
    assert_eq!(stayer.await.unwrap().unwrap(), 0);
    assert_eq!(bench.log.runs("fail"), 2);
    bench.assert_idle(1).await;
}

/// The same where he leaves while it is being noted that it failed.
#[tokio::test]
async fn who_leaves_while_a_failure_is_noted_does_not_spoil_it_for_others() {
    let bench = Bench::slow(1, Duration::from_millis(300));
    let gate = gate();
    let op = bench.op("fail", Do::FailAfter(gate.clone(), Arc::new(AtomicUsize::new(1))), &[]);
    let leaver = bench.spawn("a", &op);
    eventually(|| bench.log.runs("fail") == 1).await;
    let stayer = bench.spawn("b", &op);
    eventually(|| bench.notes.all().contains(&"b joined fail".to_owned())).await;
    gate.add_permits(2);
    eventually(|| bench.notes.all().contains(&"a failed fail".to_owned())).await;
    leaver.abort();
    assert_eq!(stayer.await.unwrap().unwrap(), 0);
    assert_eq!(bench.log.runs("fail"), 2);
    bench.assert_idle(1).await;
}
