//! `kukri trace`: runs that are kept.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kukri_telemetry::trace::{State, Step};
use kukri_telemetry::{Trace, format};
use serde_json::json;

use super::browser;
use crate::args::{TraceArgs, TraceCommand};
use crate::fail::{Failure, Outcome, err, out};
use crate::runs;

/// Shows what there is.
pub fn trace(args: TraceArgs) -> Outcome {
    match args.command {
        TraceCommand::Ls { json } => list(json),
        TraceCommand::Show { run, step, json } => show(run.as_deref(), step.as_deref(), json),
        TraceCommand::Open { run, output } => open(run.as_deref(), output),
    }
}

fn list(json: bool) -> Outcome {
    let runs: Vec<Trace> = runs::paths()?.iter().filter_map(|path| runs::read(path, false).ok()).collect();
    let mut text = String::new();
    if json {
        let runs: Vec<_> = runs
            .iter()
            .map(|trace| {
                json!({
                    "run": trace.run,
                    "elapsed_ns": trace.elapsed_ns(),
                    "steps": trace.counts.steps,
                    "transfers": trace.counts.transfers,
                    "cached": trace.counts.cached,
                    "failed": trace.counts.failed,
                })
            })
            .collect();
        writeln!(text, "{}", serde_json::to_string_pretty(&runs)?)?;
    } else if runs.is_empty() {
        text.push_str(
            "no run is kept yet: they are written down while `kukri run` or an SDK's session does steps\n",
        );
        if let Some(obstacle) = runs::obstacle() {
            err(&format!("hint: {obstacle}\n"));
        }
    } else {
        let width = runs.iter().map(|trace| trace.run.id.len()).max().unwrap_or(0).max(3);
        writeln!(
            text,
            "{:width$}  {:19}  {:>8}  {:>6}  {:>6}  {:>6}  COMMAND",
            "RUN", "BEGAN", "TOOK", "STEPS", "CACHED", "FAILED"
        )?;
        for trace in &runs {
            writeln!(
                text,
                "{:width$}  {:19}  {:>8}  {:>6}  {:>6}  {:>6}  {}",
                trace.run.id,
                began(trace),
                format::duration(trace.elapsed_ns()),
                trace.counts.steps,
                trace.counts.cached,
                trace.counts.failed,
                trace.run.command
            )?;
        }
    }
    print(&text)
}

fn show(run: Option<&str>, wanted: Option<&str>, json: bool) -> Outcome {
    let mut trace = runs::read(&find(run)?, json || wanted.is_some())?;
    let elapsed = trace.elapsed_ns();
    if let Some(wanted) = wanted {
        trace.steps.retain(|step| step.label.contains(wanted));
        if trace.steps.is_empty() {
            return Err(Failure::new(format!("no step of this run has {wanted:?} in its name"))
                .hint(format!("`kukri trace show {}` lists them", trace.run.id)));
        }
    }
    let mut text = String::new();
    if json {
        writeln!(text, "{}", serde_json::to_string_pretty(&trace)?)?;
        return print(&text);
    }
    if wanted.is_some() {
        for step in &trace.steps {
            line(&mut text, step, elapsed)?;
            if let Some(lines) = step.left_out {
                writeln!(text, "    (left out before these: {lines} lines)")?;
            }
            for (_, _, line) in &step.log {
                writeln!(text, "    {line}")?;
            }
        }
        return print(&text);
    }
    let Trace { run, steps, .. } = &trace;
    writeln!(text, "{}  {}  in {}", run.command, began(&trace), run.workdir)?;
    for step in steps {
        line(&mut text, step, elapsed)?;
    }
    let so_far =
        if trace.counts.running > 0 { ", as far as is known: it goes on, or was killed" } else { "" };
    writeln!(text, "{} in {}{so_far}", trace.counts, format::duration(elapsed))?;
    print(&text)
}

fn open(run: Option<&str>, output: Option<PathBuf>) -> Outcome {
    let trace = runs::read(&find(run)?, true)?;
    if let Some(path) = output {
        runs::write_page(&trace, &path)?;
        return print(&format!("{}\n", std::path::absolute(path)?.display()));
    }
    let path = runs::new_page(&trace)?;
    if browser::open(&path)? {
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!("{}\n", path.display()))
}

/// The file of a run: the latest, or the one whose name begins so.
fn find(run: Option<&str>) -> Result<PathBuf, Failure> {
    let Some(run) = run else {
        return runs::latest()?.ok_or_else(|| {
            Failure::new("no run is kept").hint(
                runs::obstacle()
                    .unwrap_or_else(|| "do one, for instance with `kukri run python ci.py`".to_owned()),
            )
        });
    };
    let paths = runs::paths()?;
    let name =
        |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let found: Vec<&PathBuf> = paths.iter().filter(|path| name(path).starts_with(run)).collect();
    match found.as_slice() {
        [] => Err(Failure::new(format!("there is no run {run:?}"))
            .hint("`kukri trace ls` lists those that are kept")),
        [path] => Ok((*path).clone()),
        more => {
            let names: Vec<String> = more.iter().map(|path| name(path)).collect();
            Err(Failure::new(format!("{run:?} is the beginning of several runs: {}", names.join(", "))))
        }
    }
}

fn line(out: &mut String, step: &Step, elapsed_ns: u64) -> std::fmt::Result {
    let (mark, took) = match step.state {
        State::Ok => ("done", format::duration(step.duration_ns(elapsed_ns))),
        State::Cached => ("cached", String::new()),
        State::Failed => ("FAILED", format::duration(step.duration_ns(elapsed_ns))),
        State::Cancelled => ("cancelled", format::duration(step.duration_ns(elapsed_ns))),
        State::Unfinished => ("unfinished", String::new()),
    };
    let reason = if step.reason.is_empty() { String::new() } else { format!("  ({})", step.reason) };
    writeln!(out, "{:>8}  {mark:10} {took:>8}  {}{reason}", format::duration(step.start), step.label)?;
    for text in step.message.lines().filter(|line| !line.trim().is_empty()) {
        writeln!(out, "          {text}")?;
    }
    Ok(())
}

/// When a run began, on the clock of this machine.
fn began(trace: &Trace) -> String {
    let at = Timestamp::from_nanosecond(trace.run.started_ns.into()).unwrap_or_default();
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn print(text: &str) -> Outcome {
    out(text)?;
    Ok(ExitCode::SUCCESS)
}
