//! Tests: an image that is not there, in each way of showing. It is told as a span that began before and has ended at once.

use crate::ci::{Ci, Service};
use crate::event::{Event, SpanKind, SpanOutcome};
use crate::testing::{at, failure, finished, span, view};
use crate::trace::State;
use crate::{Dots, Plain, PlainConfig, Run, Screen, Summary, Trace, View, report, tty};

const LABEL: &str = "resolve docker.io/library/nope:1";
const WHY: &str = "docker.io/library/nope:1: not found\ncheck the tag";

fn events() -> Vec<Event> {
    vec![span(1, None, LABEL, SpanKind::Resolve, 10.0), finished(1, failure(WHY, None), 10.5)]
}

fn in_ci(service: Service) -> String {
    let (mut ci, mut view) = (Ci::new(service, Plain::new(PlainConfig::default())), View::default());
    let mut out = String::new();
    for event in events() {
        view.apply(&event);
        out += &ci.render(&event, &view);
    }
    out + &ci.finish()
}

#[test]
fn lines_name_the_reference_and_the_reason() {
    let mut plain = Plain::new(PlainConfig::default());
    let lines: String = events().iter().map(|event| plain.render(event)).collect();
    let expected =
        format!("#1 {LABEL}\n#1 ERROR docker.io/library/nope:1: not found\n#1 ERROR check the tag\n");
    assert_eq!(lines, expected);
    let github = in_ci(Service::GitHub { token: "T0KEN".into(), workspace: String::new() });
    let annotation =
        "::error title=resolve docker.io/library/nope%3A1::docker.io/library/nope:1: not found\n";
    assert_eq!(github, expected.clone() + annotation);
    let gitlab = in_ci(Service::GitLab { run: "RUN".into() });
    let red = format!("\u{1b}[31;1mERROR: {LABEL}: docker.io/library/nope:1: not found\u{1b}[0;m\n");
    assert_eq!(gitlab, expected + &red);
}

#[test]
fn pictures_and_summaries_have_it() {
    let view = view(&events());
    let block = format!("✗ {LABEL}  0.5s\n  │ docker.io/library/nope:1: not found\n  └ check the tag");
    assert_eq!(tty::failures(&view, 80, false).join("\n"), block);
    assert_eq!(report::render(&view, 80, false).join("\n"), block);
    let screen = Screen { colour: false, ..Screen::default() };
    assert_eq!(
        tty::render(&view, &screen, at(10.5)).join("\n"),
        format!(
            "✗ {LABEL}  0.5s\n  └ docker.io/library/nope:1: not found\n0 running, 1 failed of 1 transfer  0.5s"
        )
    );
    let [started, ended] = events().try_into().unwrap();
    let mut dots = Dots::default();
    assert_eq!(dots.render(&started, &view) + &dots.render(&ended, &view), "F");
    assert!(Summary::of(&view).to_string().starts_with("0 steps, 1 failed, 1 transfer in 0.5s\n"));
}

#[test]
fn a_run_of_nothing_else_is_a_run() {
    let mut trace = Trace::new(Run::default());
    events().iter().for_each(|event| trace.apply(event));
    let [step] = &trace.steps[..] else { panic!("{:?}", trace.steps) };
    assert_eq!((step.label.as_str(), step.message.as_str(), step.state), (LABEL, WHY, State::Failed));
    assert_eq!((trace.counts.failed, trace.counts.steps), (1, 0));
}

/// It happens each time: a slow registry does not make a run look less cached than it is.
#[test]
fn one_that_took_long_is_no_step() {
    let mut all = vec![
        span(1, None, LABEL, SpanKind::Resolve, 10.0),
        finished(1, SpanOutcome::Ok, 13.0),
        span(2, None, "pytest", SpanKind::Exec, 13.0),
    ];
    all.extend([finished(2, SpanOutcome::Cached, 13.0)]);
    let said = Summary::of(&view(&all)).to_string();
    assert!(said.starts_with("1 step, 1 cached (100%), 1 transfer in 3.0s\n"), "{said}");
}

/// The word in files and in other versions.
#[test]
fn golden() {
    let json = serde_json::to_string(&events()[0]).unwrap();
    assert!(json.contains(r#""kind":"resolve""#), "{json}");
    let back: Event = serde_json::from_str(&json).unwrap();
    assert!(matches!(back, Event::SpanStarted { kind: SpanKind::Resolve, .. }));
}
