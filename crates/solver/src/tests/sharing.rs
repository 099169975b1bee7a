//! What is the same runs once; what is independent runs at the same time.

use super::*;

#[tokio::test]
async fn independent_inputs_run_at_the_same_time() {
    let bench = Bench::new(8);
    let gate = gate();
    let inputs: Vec<_> = (0..8).map(|n| bench.op(&format!("w{n}"), Do::Wait(gate.clone()), &[])).collect();
    let top = bench.op("sum", Do::Add(0), &inputs.iter().collect::<Vec<_>>());
    let task = bench.spawn("a", &top);
    eventually(|| bench.log.slots.load(Ordering::SeqCst) == 8).await;
    gate.add_permits(8);
    assert_eq!(task.await.unwrap().unwrap(), 0);
    bench.assert_idle(8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_vertex_runs_once_for_many_callers() {
    let bench = Bench::new(4);
    let gate = gate();
    let base = bench.op("base", Do::Wait(gate.clone()), &[]);
    let tasks: Vec<_> = (0..50)
        .map(|n| bench.spawn("a", &bench.op(&format!("top{}", n % 5), Do::Add(n % 5), &[&base, &base])))
        .collect();
    eventually(|| bench.solver.census().1 == 50).await;
    gate.add_permits(1);
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), n as i64 % 5);
    }
    assert_eq!(bench.log.runs("base"), 1);
    assert!((0..5).all(|n| bench.log.runs(&format!("top{n}")) == 1));
    bench.assert_idle(4).await;
}

/// Two recipes, the same content: the second waits for the first instead of running.
#[tokio::test]
async fn equal_content_runs_once() {
    let bench = Bench::new(4);
    let gate = gate();
    let tops: Vec<_> = [3, 3, 3]
        .iter()
        .enumerate()
        .map(|(n, number)| {
            let input = bench.op(&format!("number{n}"), Do::Const(*number), &[]);
            bench.op(&format!("work.{n}"), Do::Wait(gate.clone()), &[&input])
        })
        .collect();
    let tasks: Vec<_> = tops.iter().map(|op| bench.spawn("a", op)).collect();
    eventually(|| bench.notes.all().iter().filter(|note| note.starts_with("a joined work")).count() == 2)
        .await;
    gate.add_permits(1);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 3);
    }
    assert_eq!((0..3).map(|n| bench.log.runs(&format!("work.{n}"))).sum::<usize>(), 1);
    for (n, top) in tops.iter().enumerate() {
        assert_eq!(bench.notes.all().iter().filter(|note| **note == format!("a =3 work.{n}")).count(), 1);
        bench.notes.take().clear();
        bench.solver.forget_all();
        bench.solve(top).await.unwrap();
        assert_eq!(bench.notes.all(), [format!("a known work.{n}")], "each recipe was stored");
        bench.notes.0.lock().unwrap().extend((0..3).map(|n| format!("a =3 work.{n}")));
    }
}

#[tokio::test]
async fn another_request_is_told_that_it_joined_and_how_it_ended() {
    let bench = Bench::new(4);
    let gate = gate();
    let base = bench.op("base", Do::Wait(gate.clone()), &[]);
    let first = bench.spawn("a", &base);
    eventually(|| bench.log.runs("base") == 1).await;
    let top = bench.op("top", Do::Add(1), &[&base, &base]);
    let second = bench.spawn("b", &top);
    eventually(|| bench.notes.all().contains(&"b joined base".to_owned())).await;
    gate.add_permits(1);
    assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (0, 1));
    assert_eq!(
        bench.notes.take(),
        [
            "a first base",
            "a start base",
            "b joined base",
            "a =0 base",
            "b =0 base",
            "b first top",
            "b start top",
            "b =1 top"
        ]
    );
}

/// What a request waits for is told to it also where all of it runs in the name of another one.
#[tokio::test]
async fn a_request_that_joins_is_told_of_all_it_waits_for() {
    let bench = Bench::new(4);
    let (gate, later) = (gate(), gate());
    let base = bench.op("base", Do::Wait(gate.clone()), &[]);
    let middle = bench.op("middle", Do::Wait(later.clone()), &[&base]);
    let top = bench.op("top", Do::Add(1), &[&middle]);
    let first = bench.spawn("a", &top);
    eventually(|| bench.log.runs("base") == 1).await;
    let (second, third) = (bench.spawn("b", &top), bench.spawn("b", &middle));
    eventually(|| bench.notes.all().contains(&"b joined base".to_owned())).await;
    gate.add_permits(1);
    eventually(|| bench.log.runs("middle") == 1).await;
    later.add_permits(1);
    for task in [first, second] {
        assert_eq!(task.await.unwrap().unwrap(), 1);
    }
    assert_eq!(third.await.unwrap().unwrap(), 0);
    let mut told = bench.notes.take();
    told.retain(|note| note.starts_with("b "));
    told.sort();
    assert_eq!(
        told,
        [
            "b =0 base",
            "b =0 middle",
            "b =0 middle",
            "b =1 top",
            "b joined base",
            "b joined middle",
            "b joined middle",
            "b joined top"
        ],
        "each vertex once, and once more for the request that asked for it"
    );
    bench.assert_idle(4).await;
}

/// The request joins before it is known what the vertex needs, or that this follows a run of another recipe.
#[tokio::test]
async fn what_comes_up_later_is_told_to_those_who_have_joined() {
    let bench = Bench::new(4);
    let (gate, later) = (gate(), gate());
    let running = bench.op("work.0", Do::Wait(later.clone()), &[&bench.op("number0", Do::Const(3), &[])]);
    let owner = bench.spawn("c", &running);
    eventually(|| bench.log.runs("work.0") == 1).await;
    let number = bench.op("number1", Do::Wait(gate.clone()), &[&bench.op("three", Do::Const(3), &[])]);
    let work = bench.op("work.1", Do::Wait(later.clone()), &[&number]);
    let top = bench.op("top", Do::Add(1), &[&work]);
    let first = bench.spawn("a", &top);
    eventually(|| bench.log.runs("number1") == 1).await;
    let second = bench.spawn("b", &top);
    eventually(|| bench.notes.all().contains(&"b joined number1".to_owned())).await;
    gate.add_permits(1);
    let waits =
        |who: &str| bench.notes.all().iter().filter(|note| **note == format!("{who} joined work.1")).count();
    // Once for the vertex, which was in flight, and once for the run that it follows.
    eventually(|| waits("a") == 1 && waits("b") == 2).await;
    later.add_permits(1);
    assert_eq!(owner.await.unwrap().unwrap(), 3);
    for task in [first, second] {
        assert_eq!(task.await.unwrap().unwrap(), 4);
    }
    bench.assert_idle(4).await;
}

#[tokio::test]
async fn a_failure_below_what_was_joined_is_told() {
    let bench = Bench::new(4);
    let gate = gate();
    let base = bench.op("base", Do::FailAfter(gate.clone(), Arc::new(AtomicUsize::new(1))), &[]);
    let top = bench.op("top", Do::Add(1), &[&bench.op("middle", Do::Add(1), &[&base])]);
    let first = bench.spawn("a", &top);
    eventually(|| bench.log.runs("base") == 1).await;
    let second = bench.spawn("b", &top);
    eventually(|| bench.notes.all().contains(&"b joined base".to_owned())).await;
    gate.add_permits(1);
    assert!(first.await.unwrap().is_err() && second.await.unwrap().is_err());
    let told = |who: &str| {
        bench.notes.all().iter().any(|note| note.starts_with(who) && note.ends_with("failed base"))
    };
    assert!(told("a ") && told("b "), "{:?}", bench.notes.all());
    bench.assert_idle(4).await;
}

#[tokio::test]
async fn slots_are_a_limit_and_large_weights_are_clamped() {
    let bench = Bench::new(3);
    let inputs: Vec<_> = (0..20)
        .map(|n| {
            let what = Do::Sleep(Duration::from_millis(2));
            Int::weighing(&bench.log, &format!("s{n}"), what, [0, 1, 2, 3][n % 4], &[])
        })
        .collect();
    let top = bench.op("top", Do::Add(7), &inputs.iter().collect::<Vec<_>>());
    assert_eq!(bench.solve(&top).await.unwrap(), 7);
    assert!(bench.log.most_slots.load(Ordering::SeqCst) <= 3);
    let huge = Int::weighing(&bench.log, "huge", Do::Const(1), 1_000, &[]);
    assert_eq!(bench.solve(&huge).await.unwrap(), 1);
    bench.assert_idle(3).await;
}

/// A run that waits for other runs gives its slots back, so one slot is enough.
#[tokio::test]
async fn nested_solving_with_one_slot() {
    let bench = Bench::new(1);
    let mut op = bench.op("inner", Do::Const(5), &[]);
    for depth in 0..10 {
        op = bench.op(&format!("outer{depth}"), Do::Nested(bench.solver.clone(), op), &[]);
    }
    assert_eq!(bench.solve(&op).await.unwrap(), 5);
    bench.assert_idle(1).await;
}

/// A run that waits for something else lets others run, and has its slots again when it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_were_given_back_are_taken_again() {
    let bench = Bench::new(1);
    let gate = gate();
    let waits =
        |n: usize| bench.op(&format!("w{n}"), Do::Outside(gate.clone(), Duration::from_millis(2)), &[]);
    let waiting: Vec<_> = (0..6).map(|n| bench.spawn("a", &waits(n))).collect();
    eventually(|| (0..6).all(|n| bench.log.runs(&format!("w{n}")) == 1)).await;
    assert_eq!(bench.solve(&bench.op("beside", Do::Const(1), &[])).await.unwrap(), 1);
    gate.add_permits(6);
    for wait in waiting {
        assert_eq!(wait.await.unwrap().unwrap(), 0);
    }
    assert_eq!(bench.log.most_slots.load(Ordering::SeqCst), 1);
    bench.assert_idle(1).await;
}

/// Who leaves while it asks for its slots again neither gets nor keeps any.
#[tokio::test]
async fn who_asks_again_may_leave() {
    let bench = Bench::new(1);
    let (outside, inside) = (gate(), gate());
    let leaver = bench.spawn("a", &bench.op("leaver", Do::Outside(outside.clone(), Duration::ZERO), &[]));
    eventually(|| bench.log.runs("leaver") == 1 && bench.log.slots.load(Ordering::SeqCst) == 0).await;
    let holder = bench.spawn("b", &bench.op("holder", Do::Wait(inside.clone()), &[]));
    eventually(|| bench.log.runs("holder") == 1).await;
    outside.add_permits(1);
    eventually(|| outside.available_permits() == 0).await;
    leaver.abort();
    eventually(|| bench.log.dropped.load(Ordering::SeqCst) == 1).await;
    inside.add_permits(1);
    assert_eq!(holder.await.unwrap().unwrap(), 0);
    assert_eq!(bench.solve(&bench.op("after", Do::Const(1), &[])).await.unwrap(), 1);
    bench.assert_idle(1).await;
}
