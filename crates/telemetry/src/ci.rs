//! Plain lines with what the web pages of CI services understand: groups that fold, and errors that stand out.
//!
//! ```text
//! ::group::#1 withExec pytest -q
//! #1 not cached: first run
//! #1 0.531 12 passed
//! ::endgroup::
//! #1 ERROR exit code 1
//! ::error file=ci.py,line=12,title=withExec pytest -q::exit code 1
//! ```
//!
//! The lines are those of [`Plain`], so what finds something there finds it here. Groups cannot be nested and belong to one
//! step each; so one step at a time shows what it writes at once, and what others write meanwhile comes when they end.
//!
//! The annotation waits a moment for the client to say which line of its program made the step ([`Event::SpanSource`]): it is
//! shown there, next to the code.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::path::Path;

use crate::event::{Event, SpanId};
use crate::plain::Plain;
use crate::steps::why_failed;
use crate::view::{SpanState, View};

/// A CI service whose web page shows the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// GitHub Actions.
    GitHub {
        /// A word that nobody can guess: with it, commands of the workflow are switched on again after lines that could be
        /// taken for commands.
        token: String,
        /// Directory of the repository, below which the service knows files; empty: not known.
        workspace: String,
    },
    /// GitLab CI.
    GitLab {
        /// In names of sections, which are those of a whole job: no other run in it has this word.
        run: String,
    },
}

/// Lines of a step that wait, in bytes; with more, the step gets its turn.
const WAITING: usize = 256 * 1024;
/// Lines of the log that an annotation quotes.
const QUOTED: usize = 10;
/// Calls of [`Ci::tick`] for which an annotation waits for its line: a machine that is busy needs a second or two.
const PATIENCE: u8 = 30;
/// The same where the line is known. Then the program is about to end: it writes its traceback in pieces, and what comes
/// between two of them does not stand at the beginning of a line, as it must.
const TRACEBACK: u8 = 10;

/// The state of the writer: which group is open, and what waits.
#[derive(Clone, Debug)]
pub struct Ci {
    service: Service,
    plain: Plain,
    steps: HashMap<SpanId, Step>,
    open: Option<(SpanId, String)>,
    /// Lines that belong into no group and wait for the end of the open one.
    outside: String,
    /// Annotations whose line may still be told.
    annotations: Vec<Annotation>,
    /// Lines of the program that were told before the failure was: answer and events come on ways of their own.
    early: HashMap<SpanId, (String, u32)>,
    /// Seconds since 1970, of the latest event.
    time_s: u64,
}

#[derive(Clone, Debug)]
struct Annotation {
    id: SpanId,
    title: String,
    text: String,
    place: Option<(String, u32)>,
    patience: u8,
}

#[derive(Clone, Debug)]
struct Step {
    title: String,
    waiting: String,
    has_log: bool,
    groups: u32,
}

impl Ci {
    /// For one service, with lines of this writer.
    #[must_use]
    pub fn new(service: Service, plain: Plain) -> Self {
        Self {
            service,
            plain,
            steps: HashMap::new(),
            open: None,
            outside: String::new(),
            annotations: Vec::new(),
            early: HashMap::new(),
            time_s: 0,
        }
    }

    /// What to write for this event, which the view has taken in.
    pub fn render(&mut self, event: &Event, view: &View) -> String {
        if let Some(time) = event.time_ns() {
            self.time_s = time / 1_000_000_000;
        }
        let lines = self.plain.render(event);
        let mut out = String::new();
        let Some(id) = event.span() else {
            self.add_outside(&mut out, &lines);
            return out;
        };
        match event {
            Event::SpanStarted { .. } if !lines.is_empty() => {
                let title = lines.trim_end().to_owned();
                self.steps.insert(id, Step { title, waiting: String::new(), has_log: false, groups: 0 });
            }
            Event::SpanFinished { .. } => self.finished(&mut out, id, &lines, view),
            Event::SpanSource { file, line, .. } => {
                if let Some(waiting) = self.annotations.iter_mut().find(|annotation| annotation.id == id) {
                    waiting.place.get_or_insert_with(|| (file.clone(), *line));
                    waiting.patience = waiting.patience.min(TRACEBACK);
                } else if self.steps.contains_key(&id) {
                    self.early.insert(id, (file.clone(), *line));
                }
            }
            _ if lines.is_empty() => {}
            _ => self.line(&mut out, id, &lines, matches!(event, Event::SpanLog { .. })),
        }
        out
    }

    /// Some time has passed: about a tenth of a second. What to write because of that.
    pub fn tick(&mut self) -> String {
        for annotation in &mut self.annotations {
            annotation.patience = annotation.patience.saturating_sub(1);
        }
        let mut out = String::new();
        if self.annotations.iter().any(|annotation| annotation.patience == 0) {
            self.close(&mut out);
            self.write_all(&mut out, |annotation| annotation.patience == 0);
        }
        out
    }

    /// What to write at the end: all that still waits.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        self.close(&mut out);
        self.write_all(&mut out, |_| true);
        let mut rest: Vec<_> = std::mem::take(&mut self.steps).into_values().collect();
        rest.sort_by(|a, b| a.title.len().cmp(&b.title.len()).then_with(|| a.title.cmp(&b.title)));
        for step in rest.into_iter().filter(|step| step.groups == 0 || !step.waiting.is_empty()) {
            let lines = format!("{}\n{}", step.title, step.waiting);
            out.push_str(&self.service.guard(&lines));
        }
        out
    }

    fn line(&mut self, out: &mut String, id: SpanId, lines: &str, log: bool) {
        let Some(step) = self.steps.get_mut(&id) else { return };
        step.has_log |= log;
        step.waiting.push_str(lines);
        let turn = match &self.open {
            None => step.has_log,
            Some((open, _)) => *open == id || step.waiting.len() > WAITING,
        };
        if turn {
            self.show(out, id);
        }
    }

    /// Writes what waits of a step into a group of its own.
    fn show(&mut self, out: &mut String, id: SpanId) {
        if self.open.as_ref().is_none_or(|(open, _)| *open != id) {
            self.close(out);
            let Some(step) = self.steps.get_mut(&id) else { return };
            step.groups += 1;
            let continued = if step.groups > 1 { " (continued)" } else { "" };
            let title = format!("{}{continued}", step.title);
            let number = step.title.split(' ').next().unwrap_or_default().trim_start_matches('#');
            let mut name = String::new();
            match &self.service {
                Service::GitHub { .. } => {
                    let _ = writeln!(out, "::group::{}", data(&title));
                }
                // Written over by what comes next in a terminal, so that it is not seen there.
                Service::GitLab { run } => {
                    name = format!("kukri_{run}_{number}_{}", step.groups);
                    let _ = writeln!(
                        out,
                        "\u{1b}[0Ksection_start:{}:{name}[collapsed=true]\r\u{1b}[0K{title}",
                        self.time_s
                    );
                }
            }
            self.open = Some((id, name));
        }
        if let Some(step) = self.steps.get_mut(&id) {
            let lines = std::mem::take(&mut step.waiting);
            out.push_str(&self.service.guard(&lines));
        }
    }

    fn finished(&mut self, out: &mut String, id: SpanId, lines: &str, view: &View) {
        let Some(step) = self.steps.get_mut(&id) else { return };
        let number = step.title.split(' ').next().unwrap_or_default();
        // Errors are not folded away.
        let error = format!("{number} ERROR");
        let at = lines.lines().take_while(|line| !line.starts_with(&error)).map(|line| line.len() + 1).sum();
        let (inside, errors) = lines.split_at(at);
        step.waiting.push_str(inside);
        let failed = !errors.is_empty();
        if step.has_log {
            self.show(out, id);
            self.close(out);
            self.steps.remove(&id);
        } else if let Some(step) = self.steps.remove(&id) {
            let lines = format!("{}\n{}", step.title, step.waiting);
            self.add_outside(out, &lines);
        }
        if failed {
            self.close(out);
            out.push_str(&self.service.guard(errors));
            self.annotate(out, id, view);
        }
    }

    fn add_outside(&mut self, out: &mut String, lines: &str) {
        if self.open.is_none() {
            out.push_str(&self.service.guard(lines));
            return;
        }
        self.outside.push_str(lines);
        if self.outside.len() > WAITING {
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut String) {
        if let Some((_, name)) = self.open.take() {
            match self.service {
                Service::GitHub { .. } => out.push_str("::endgroup::\n"),
                Service::GitLab { .. } => {
                    let _ = writeln!(out, "\u{1b}[0Ksection_end:{}:{name}\r\u{1b}[0K", self.time_s);
                }
            }
        }
        let outside = std::mem::take(&mut self.outside);
        out.push_str(&self.service.guard(&outside));
    }

    /// One line that the page of the run shows as an error.
    fn annotate(&mut self, out: &mut String, id: SpanId, view: &View) {
        let Some(span) = view.span(id) else { return };
        let SpanState::Failed { message, exit_code } = &span.state else { return };
        let why = why_failed(message, *exit_code);
        match self.service {
            Service::GitHub { .. } => {
                let mut text = why;
                for line in span.log.iter().skip(span.log.len().saturating_sub(QUOTED)) {
                    text.push('\n');
                    text.push_str(&line.text);
                }
                let title = span.label.clone();
                let place = self.early.remove(&id);
                let patience = if place.is_some() { TRACEBACK } else { PATIENCE };
                self.annotations.push(Annotation { id, title, text, place, patience });
            }
            Service::GitLab { .. } => {
                let _ = writeln!(out, "\u{1b}[31;1mERROR: {}: {why}\u{1b}[0;m", span.label);
            }
        }
    }
}

impl Ci {
    fn write_all(&mut self, out: &mut String, which: impl Fn(&Annotation) -> bool) {
        let (now, later) = std::mem::take(&mut self.annotations).into_iter().partition(which);
        self.annotations = later;
        let now: Vec<Annotation> = now;
        for annotation in &now {
            self.write(out, annotation);
        }
    }

    fn write(&self, out: &mut String, annotation: &Annotation) {
        let Service::GitHub { workspace, .. } = &self.service else { return };
        let place = annotation
            .place
            .as_ref()
            .map(|(file, line)| format!("file={},line={line},", property(&below(workspace, file))));
        let (title, text) = (property(&annotation.title), data(&annotation.text));
        let _ = writeln!(out, "::error {}title={title}::{text}", place.unwrap_or_default());
    }
}

impl Service {
    /// Lines that a step or an error wrote, so that the service takes none of them for a command.
    #[must_use]
    pub fn guard(&self, lines: &str) -> String {
        let Self::GitHub { token, .. } = self else { return lines.to_owned() };
        // Commands begin a line with `::`, those of the older form are anywhere in it.
        let command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
        if !lines.lines().any(command) {
            return lines.to_owned();
        }
        let end = if lines.ends_with('\n') { "" } else { "\n" };
        format!("::stop-commands::{token}\n{lines}{end}::{token}::\n")
    }
}

/// A file as seen from the directory of the repository; as it is where it is not below that.
fn below(workspace: &str, file: &str) -> String {
    if workspace.is_empty() {
        return file.to_owned();
    }
    let (workspace, path) = (Path::new(workspace), Path::new(file));
    let found = path.strip_prefix(workspace).map(Path::to_owned).or_else(|_| {
        // Either may be named by a link.
        let real = path.canonicalize()?;
        real.strip_prefix(workspace.canonicalize()?).map(Path::to_owned).map_err(io::Error::other)
    });
    found.map_or_else(|_| file.to_owned(), |found| found.to_string_lossy().into_owned())
}

/// A text as the data of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text as a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Level, SpanKind, SpanOutcome, Stream};
    use crate::plain::PlainConfig;
    use crate::testing::{cached, failure, finished, log, message, span};

    fn github() -> Service {
        Service::GitHub { token: "T0KEN".into(), workspace: "/home/runner/work/".into() }
    }

    fn shown(service: Service, events: &[Event]) -> String {
        let (mut ci, mut view) = (Ci::new(service, Plain::new(PlainConfig::default())), View::default());
        let mut out = String::new();
        for event in events {
            view.apply(event);
            out += &ci.render(event, &view);
        }
        out + &ci.finish()
    }

    /// Two steps at a time, one that is cached, one that fails, one that does not end.
    fn busy() -> Vec<Event> {
        vec![
            span(1, None, "withExec make", SpanKind::Exec, 10.0),
            Event::SpanNotCached { id: 1, reason: "first run".into() },
            span(2, None, "withExec a, b: 100%", SpanKind::Exec, 10.0),
            log(2, Stream::Stdout, "two\n", 11.0),
            log(1, Stream::Stdout, "one\n", 11.5),
            span(3, None, "withExec old", SpanKind::Exec, 12.0),
            cached(3, "same", 1.0),
            finished(3, SpanOutcome::Cached, 12.0),
            message(Level::Warning, "old client"),
            log(2, Stream::Stderr, "three", 12.0),
            finished(2, failure("exit code: 2", Some(2)), 13.0),
            log(1, Stream::Stdout, "four\n", 14.0),
            span(4, None, "pull x", SpanKind::Pull, 14.0),
            finished(4, failure("not found\ntry y", None), 15.0),
            log(1, Stream::Stdout, "five\n", 16.0),
            finished(1, SpanOutcome::Ok, 17.0),
            span(5, None, "withExec long", SpanKind::Exec, 17.0),
        ]
    }

    #[test]
    fn github_has_groups_and_annotations() {
        assert_eq!(
            shown(github(), &busy()),
            "\
::group::#2 withExec a, b: 100%25
#2 1.000 two
#2 2.000 three
::endgroup::
#3 withExec old
#3 CACHED
warning: old client
#2 ERROR exit code 2
::group::#1 withExec make
#1 not cached: first run
#1 1.500 one
#1 4.000 four
::endgroup::
#4 pull x
#4 ERROR not found
#4 ERROR try y
::group::#1 withExec make (continued)
#1 6.000 five
#1 DONE 7.0s
::endgroup::
::error title=withExec a%2C b%3A 100%25::exit code 2%0Atwo%0Athree
::error title=pull x::not found
#5 withExec long
"
        );
    }

    /// What is written in the time of so many ticks.
    fn waited(ci: &mut Ci, ticks: u8) -> String {
        (0..ticks).map(|_| ci.tick()).collect()
    }

    /// A line that comes soon is named; one that does not is not waited for.
    #[test]
    fn annotations_name_lines_of_the_program() {
        for (file, expected) in [
            (
                "/home/runner/work/a,b:c%/ci.py",
                "::error file=a%2Cb%3Ac%25/ci.py,line=12,title=withExec make::exit code 2\n",
            ),
            (
                "/home/runner/worker/ci.py",
                "::error file=/home/runner/worker/ci.py,line=12,title=withExec make::exit code 2\n",
            ),
        ] {
            let (mut ci, mut view) = (Ci::new(github(), Plain::new(PlainConfig::default())), View::default());
            let mut show = |event: &Event| {
                view.apply(event);
                ci.render(event, &view)
            };
            show(&span(1, None, "withExec make", SpanKind::Exec, 10.0));
            show(&span(2, None, "withExec more", SpanKind::Exec, 10.0));
            show(&log(2, Stream::Stdout, "open\n", 10.0));
            assert!(!show(&finished(1, failure("exit code: 2", Some(2)), 13.0)).contains("::error"));
            show(&log(2, Stream::Stdout, "more\n", 14.0));
            let source = Event::SpanSource { id: 1, file: file.into(), line: 12 };
            assert_eq!(show(&source), "", "the program writes its traceback");
            assert_eq!(show(&source), "", "once");
            // Not in a group that folds.
            assert_eq!(waited(&mut ci, TRACEBACK), format!("::endgroup::\n{expected}"));
            let mut show = |event: &Event| {
                view.apply(event);
                ci.render(event, &view)
            };
            show(&span(3, None, "withExec make", SpanKind::Exec, 10.0));
            let early = Event::SpanSource { id: 3, file: file.into(), line: 12 };
            assert_eq!(show(&early), "", "the failure itself is told later");
            show(&finished(3, failure("exit code: 2", Some(2)), 13.0));
            show(&finished(2, failure("exit code: 3", Some(3)), 13.0));
            assert_eq!(waited(&mut ci, TRACEBACK), expected);
            let later = waited(&mut ci, PATIENCE);
            assert_eq!(later, "::error title=withExec more::exit code 3%0Aopen%0Amore\n");
            assert!(!ci.finish().contains("::error"));
        }
    }

    /// Programs may name files by another way to the directory than the service does.
    #[test]
    fn files_are_found_below_a_link() {
        let place = std::env::temp_dir().join(format!("kukri-ci-{}", std::process::id()));
        std::fs::create_dir_all(place.join("real")).unwrap();
        std::fs::write(place.join("real/ci.py"), "").unwrap();
        std::os::unix::fs::symlink(place.join("real"), place.join("link")).unwrap();
        let path = |name: &str| place.join(name).to_str().unwrap().to_owned();
        let seen =
            [("link", "real/ci.py"), ("real", "link/ci.py"), ("link/", "link/ci.py"), ("", "real/ci.py")]
                .map(|(workspace, file)| {
                    let workspace = if workspace.is_empty() { String::new() } else { path(workspace) };
                    below(&workspace, &path(file))
                });
        let expected = ["ci.py", "ci.py", "ci.py", &path("real/ci.py")];
        std::fs::remove_dir_all(&place).unwrap();
        assert_eq!(seen, expected);
    }

    #[test]
    fn gitlab_has_sections() {
        let shown = shown(Service::GitLab { run: "RUN".into() }, &busy());
        let first = "\u{1b}[0Ksection_start:11:kukri_RUN_2_1[collapsed=true]\r\u{1b}[0K#2 withExec a, b: 100%\n\
                     #2 1.000 two\n#2 2.000 three\n\u{1b}[0Ksection_end:13:kukri_RUN_2_1\r\u{1b}[0K\n";
        assert!(shown.starts_with(first), "{shown:?}");
        assert!(shown.contains("\n\u{1b}[31;1mERROR: pull x: not found\u{1b}[0;m\n"), "{shown:?}");
        assert!(shown.contains("section_start:16:kukri_RUN_1_2["), "names are there once: {shown:?}");
        assert_eq!(shown.matches("section_start").count(), shown.matches("section_end").count());
    }

    /// Every line without an escape sequence or a command is one that `plain` would have written.
    #[test]
    fn lines_are_those_of_plain() {
        let mut plain = Plain::new(PlainConfig::default());
        let mut expected: Vec<_> = busy()
            .iter()
            .flat_map(|event| plain.render(event).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let mut found: Vec<_> = shown(github(), &busy())
            .lines()
            .filter(|line| !line.contains("(continued)"))
            .map(|line| line.strip_prefix("::group::").unwrap_or(line).replace("%25", "%"))
            .filter(|line| !line.starts_with("::"))
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_steps_write_is_no_command() {
        let events = [
            span(1, None, "withExec ##[add-mask]e", SpanKind::Exec, 0.0),
            log(1, Stream::Stdout, "::set-env name=A::b\nx ##[error]no\n::T0KEN\n", 0.0),
            finished(1, failure("a\n::warning::b", None), 1.0),
            message(Level::Info, "  ::error::c"),
        ];
        let shown = shown(github(), &events);
        let mut stopped = false;
        for line in shown.lines() {
            match line {
                "::stop-commands::T0KEN" => stopped = true,
                "::T0KEN::" => stopped = false,
                _ if stopped => {}
                _ if line.starts_with("::") => {
                    let name = line.split([':', ' ']).nth(2);
                    assert!(matches!(name, Some("group" | "endgroup" | "error")), "{line}\n{shown}");
                    assert!(!line.starts_with("::error::c"), "{shown}");
                }
                _ => {
                    assert!(!line.contains("##[") && !line.trim_start().starts_with("::"), "{line}\n{shown}")
                }
            }
        }
        assert!(!stopped);
        assert_eq!(Service::GitLab { run: String::new() }.guard("##[x]"), "##[x]");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut ci = Ci::new(github(), Plain::new(PlainConfig::default()));
        let view = View::default();
        let mut written = 0;
        for id in [1, 2] {
            ci.render(&span(id, None, "s", SpanKind::Exec, 0.0), &view);
        }
        ci.render(&log(1, Stream::Stdout, "first\n", 0.0), &view);
        for _ in 0..100_000 {
            written += ci.render(&log(2, Stream::Stdout, "some line of a log\n", 0.0), &view).len();
            assert!(ci.steps.values().all(|step| step.waiting.len() < WAITING + 100));
        }
        assert!(written > 1_000_000, "{written}");
    }
}
