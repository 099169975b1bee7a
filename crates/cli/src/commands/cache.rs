//! `kukri cache`: looks after what the engine keeps.

use std::process::ExitCode;
use std::time::Duration;

use kukri_engine::engine::{PruneOptions, PruneReport, Usage, VerifyOptions, prune_json, usage_json};
use serde_json::{Value as Json, json};

use crate::admin;
use crate::args::{CacheArgs, CacheCommand};
use crate::fail::{Failure, Outcome, err, out};
use crate::settings::{self, Places};
use crate::size;

/// Does it, with a running engine; one is started where none runs.
pub async fn cache(args: CacheArgs) -> Outcome {
    let places = settings::from_environment()?.places()?;
    let (verb, body, as_json) = match &args.command {
        CacheCommand::Du { json } => ("du", Json::Null, *json),
        CacheCommand::Gc { json } => ("gc", Json::Null, *json),
        CacheCommand::Verify { deep, repair, json } => {
            ("verify", json!({ "deep": deep, "repair": repair }), *json)
        }
        CacheCommand::Why { step, json } => ("why", json!({ "step": step }), *json),
        CacheCommand::Prune { max_size, min_free, keep, volumes, dry_run, json } => {
            let disk = rustix::fs::statvfs(&places.root).ok().map(|found| found.f_blocks * found.f_frsize);
            let wrong =
                |flag: &str, error: &dyn std::fmt::Display| Failure::usage(format!("{flag}: {error}"));
            let bytes = |flag: &str, text: &Option<String>| {
                let read = text.as_deref().map(|text| size::parse(text, disk)).transpose();
                read.map_err(|error| wrong(flag, &error))
            };
            let keep = keep.as_deref().map(size::duration).transpose();
            let keep = keep.map_err(|error| wrong("--keep", &error))?;
            let body = json!({
                "maxBytes": bytes("--max-size", max_size)?,
                "minFreeBytes": bytes("--min-free", min_free)?,
                "keepSeconds": keep.map(|keep| keep.as_secs()),
                "volumes": volumes,
                "dryRun": dry_run,
            });
            ("prune", body, *json)
        }
    };
    let answer = if has_store(&places).await {
        admin::ask_any(&places, verb, &body).await?
    } else {
        err(&format!("nothing is kept in {}: no pipeline has run there yet\n", places.root.display()));
        of_nothing(verb)
    };
    if let CacheCommand::Why { step, .. } = &args.command
        && answer["runs"].as_array().is_none_or(Vec::is_empty)
    {
        return Err(Failure::new(format!("no step whose run is known has {step:?} in its name"))
            .hint("known are steps that ran to their end, and were not pruned; `kukri trace show` names those of the latest run"));
    }
    let shown = if as_json { answer.to_string() } else { text(verb, &body, &answer) };
    out(&format!("{}\n", shown.trim_end()))?;
    let damaged = verb == "verify"
        && answer["problems"]
            .as_array()
            .is_some_and(|problems| problems.iter().any(|problem| problem["repaired"] != true));
    Ok(if damaged { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Whether there is anything to look after: a question must not make a store where none was.
async fn has_store(places: &Places) -> bool {
    // An engine that runs may have another root than this command knows of.
    match places.root.join("store/format.json").try_exists() {
        Ok(false) => tokio::net::UnixStream::connect(&places.socket).await.is_ok(),
        // What cannot be looked at is told by the engine.
        _ => true,
    }
}

/// What an engine with an empty store would answer.
fn of_nothing(verb: &str) -> Json {
    match verb {
        "du" => usage_json(&Usage::default()),
        "verify" => json!({ "checked": 0, "problems": [], "leftovers": 0 }),
        "why" => json!({ "runs": [] }),
        _ => prune_json(&PruneReport::default()),
    }
}

/// What the command line says, as the store wants it.
pub fn prune_options(body: &Json) -> Result<PruneOptions, String> {
    let number = |key: &str| match &body[key] {
        Json::Null => Ok(None),
        value => {
            value.as_u64().map(Some).ok_or_else(|| format!("{key}: expected a whole number, not {value}"))
        }
    };
    let (max_bytes, min_free_bytes, keep) =
        (number("maxBytes")?, number("minFreeBytes")?, number("keepSeconds")?);
    Ok(PruneOptions {
        all: max_bytes.is_none() && min_free_bytes.is_none() && keep.is_none(),
        max_bytes,
        min_free_bytes,
        keep_duration: keep.map(Duration::from_secs),
        volumes: body["volumes"] == true,
        dry_run: body["dryRun"] == true,
        ..PruneOptions::default()
    })
}

/// The same for a check.
pub fn verify_options(body: &Json) -> VerifyOptions {
    VerifyOptions { deep: body["deep"] == true, repair: body["repair"] == true }
}

fn number(value: &Json) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text(verb: &str, asked: &Json, answer: &Json) -> String {
    match verb {
        "du" => usage(answer),
        "verify" => verified(answer, verify_options(asked).deep),
        "why" => why(answer),
        _ => pruned(answer),
    }
}

fn usage(answer: &Json) -> String {
    let mut out = format!("{:<10} {:>9} {:>12} {:>12}\n", "KIND", "COUNT", "SIZE", "RECLAIMABLE");
    let kinds = answer["kinds"].as_object().cloned().unwrap_or_default();
    for (name, kind) in kinds {
        out.push_str(&format!(
            "{name:<10} {:>9} {:>12} {:>12}\n",
            number(&kind["count"]),
            size::human(number(&kind["bytes"])),
            size::human(number(&kind["reclaimable"]))
        ));
    }
    out.push_str(&format!("total {}", size::human(number(&answer["totalBytes"]))));
    out
}

fn verified(answer: &Json, deep: bool) -> String {
    let problems = answer["problems"].as_array().cloned().unwrap_or_default();
    let mut out = format!("{} records checked, {} damaged\n", number(&answer["checked"]), problems.len());
    for problem in &problems {
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let repaired = if problem["repaired"] == true { " (dropped; it will be made again)" } else { "" };
        out.push_str(&format!("{} {}: {}{repaired}\n", text("kind"), text("id"), text("reason")));
    }
    if problems.iter().any(|problem| problem["repaired"] != true) {
        // What only reading everything finds is found again only so.
        let deep = if deep { " --deep" } else { "" };
        out.push_str(&format!(
            "hint: `kukri cache verify{deep} --repair` drops what is damaged, so that it is made again when needed\n"
        ));
    }
    out
}

fn pruned(answer: &Json) -> String {
    let dropped = answer["dropped"].as_array().cloned().unwrap_or_default();
    let mut out = String::new();
    for entry in &dropped {
        out.push_str(&format!(
            "{:>10}  {}  ({})\n",
            size::human(number(&entry["bytes"])),
            entry["label"].as_str().filter(|label| !label.is_empty()).unwrap_or("recipe of a result"),
            entry["reason"].as_str().unwrap_or_default()
        ));
    }
    out.push_str(&format!(
        "{} entries, {} freed, {} kept",
        dropped.len(),
        size::human(number(&answer["freedBytes"])),
        size::human(number(&answer["keptBytes"]))
    ));
    let sessions = number(&answer["sessions"]);
    if sessions > 0 {
        let open = if sessions == 1 { "1 session is open" } else { &format!("{sessions} sessions are open") };
        out.push_str(&format!(
            "\nhint: {open}, so what was made or used since the first began was spared; prune again when none is"
        ));
    }
    out
}

fn why(answer: &Json) -> String {
    let runs = answer["runs"].as_array().cloned().unwrap_or_default();
    let mut out = String::new();
    for run in &runs {
        let failed = if run["failed"] == true { "; it failed" } else { "" };
        out.push_str(&format!(
            "{}\n  {}{failed}\n",
            run["label"].as_str().unwrap_or_default(),
            run["why"].as_str().unwrap_or_default()
        ));
    }
    out
}
