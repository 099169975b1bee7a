//! Tests of the reducer.

use super::*;
use crate::testing::{at, cached, call, failure, finished, log, progress, span, view};

#[test]
fn spans_form_a_tree_and_are_counted() {
    let view = view(&[
        call(1, None, "f", 0.0),
        span(2, Some(1), "\n a ", SpanKind::Exec, 0.0),
        span(3, Some(1), "b", SpanKind::Exec, 0.0),
        span(4, Some(99), "orphan", SpanKind::Pull, 0.0),
        span(2, None, "again", SpanKind::Pull, 0.0),
        cached(3, "same command", 4.0),
        finished(3, SpanOutcome::Ok, 0.1),
        progress(4, 10, 20, "bytes"),
        progress(4, 20, 20, "bytes"),
        finished(4, SpanOutcome::Cancelled, 3.0),
        finished(2, failure("m", Some(2)), 2.0),
        finished(2, SpanOutcome::Ok, 9.0),
        finished(77, SpanOutcome::Ok, 9.5),
    ]);
    let roots: Vec<_> = view.roots().map(|span| span.id).collect();
    let parts: Vec<_> = view.children(view.span(1).unwrap()).map(|span| span.id).collect();
    assert_eq!((roots, parts), (vec![1, 4], vec![2, 3]));
    assert_eq!(
        view.counters(),
        Counters {
            steps: 3,
            transfers: 0,
            running: 0,
            cached: 1,
            failed: 1,
            cancelled: 1,
            bytes: 20,
            log_bytes: 0,
            saved_ns: at(4.0)
        }
    );
    assert_eq!(view.span(2).unwrap().label, "a");
    assert_eq!(view.span(2).unwrap().duration_ns(at(50.0)), at(2.0));
    assert_eq!(view.span(1).unwrap().duration_ns(at(50.0)), at(50.0));
    assert_eq!(view.span(3).unwrap().reason.as_deref(), Some("same command"));
    assert_eq!(view.span(3).unwrap().state, SpanState::Cached);
    assert_eq!(view.running().map(|span| span.id).collect::<Vec<_>>(), [1]);
    assert_eq!(view.failed().map(|span| span.id).collect::<Vec<_>>(), [2]);
    assert_eq!(view.elapsed_ns(), at(9.5));
}

#[test]
fn logs_are_whole_lines_and_only_the_latest() {
    let mut view = View::new(Limits { log_lines: 3, ..Limits::default() });
    view.apply(&span(1, None, "a", SpanKind::Exec, 0.0));
    view.apply(&span(2, None, "b", SpanKind::Exec, 0.0));
    for n in 0..10 {
        view.apply(&log(1, Stream::Stdout, &format!("{n}\npart of "), 0.0));
    }
    let lines =
        |view: &View| view.span(1).unwrap().log.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&view), ["part of 7", "part of 8", "part of 9"]);
    view.apply(&log(1, Stream::Stderr, "E", 0.0));
    view.apply(&finished(1, failure("m", None), 1.0));
    assert_eq!(lines(&view), ["part of 9", "part of ", "E"]);
    view.apply(&log(2, Stream::Stdout, "x\n", 0.0));
    view.apply(&finished(2, SpanOutcome::Ok, 1.0));
    assert!(view.span(2).unwrap().log.is_empty(), "nobody looks at it any more");
}

#[test]
fn memory_is_bounded_but_counts_are_not() {
    let limits = Limits { spans: 100, ..Limits::default() };
    let mut view = View::new(limits);
    view.apply(&call(0, None, "f", 0.0));
    for id in 1..=10_000_u64 {
        // Calls with one step each; every tenth step fails.
        let (call_id, step_id) = (id * 2, id * 2 + 1);
        view.apply(&call(call_id, Some(0), "g", 0.0));
        view.apply(&span(step_id, Some(call_id), "s", SpanKind::Exec, 0.0));
        view.apply(&log(step_id, Stream::Stdout, "line\n", 0.0));
        let outcome = if id % 10 == 0 { failure("m", None) } else { SpanOutcome::Ok };
        view.apply(&finished(step_id, outcome, 0.0));
        view.apply(&finished(call_id, SpanOutcome::Ok, 0.0));
        assert!(view.len() <= limits.spans + 2, "{}", view.len());
    }
    assert_eq!(view.counters().steps, 10_000);
    assert_eq!(view.counters().failed, 1_000);
    assert_eq!(view.failed().next().unwrap().id, 21, "the first failure is kept");
    let kept = view.roots().count() + view.children(view.span(0).unwrap()).count();
    assert!(kept <= limits.spans + 2);
    // What runs is never forgotten.
    let mut view = View::new(limits);
    for id in 0..1_000 {
        view.apply(&span(id, id.checked_sub(1), "s", SpanKind::Exec, 0.0));
    }
    assert_eq!(view.len(), 1_000);
    for id in 0..1_000 {
        view.apply(&finished(id, SpanOutcome::Ok, 1.0));
    }
    assert!(view.len() <= limits.spans, "{}", view.len());
}
