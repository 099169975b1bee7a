//! `kukri doctor`: whether this machine can run pipelines.

use std::process::ExitCode;

use kukri_session::launch::ensure_engine;
use serde_json::{Value as Json, json};

use super::open;
use crate::admin;
use crate::args::DoctorArgs;
use crate::fail::{Outcome, out};
use crate::settings;

/// Checks one thing after the other and says what it finds.
pub async fn doctor(args: &DoctorArgs) -> Outcome {
    let places = settings::from_environment()?.places()?;
    let mut checks: Vec<Json> = Vec::new();
    let mut say = |good: bool, text: String, next: &str| {
        checks.push(json!({ "ok": good, "what": text, "next": (!good && !next.is_empty()).then_some(next) }));
        if args.json {
            return Ok(());
        }
        let next = if good || next.is_empty() { String::new() } else { format!("     {next}\n") };
        out(&format!("{} {text}\n{next}", if good { "ok  " } else { "FAIL" }))
    };
    let root = rustix::process::geteuid().is_root();
    say(
        root,
        format!("the user is {}", if root { "root" } else { "not root" }),
        kukri_engine::engine::NEEDS_ROOT,
    )?;
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let mut parts = kernel.split(['.', '-']);
    let version = (number(parts.next()), number(parts.next()));
    say(version >= (5, 12), format!("kernel {kernel}"), "Linux 5.12 or newer is needed")?;
    let overlay = std::fs::read_to_string("/proc/filesystems").unwrap_or_default().contains("overlay");
    say(overlay, "overlay file system".to_owned(), "load the kernel module: modprobe overlay")?;
    match ensure_engine(&open::launch(&places)?).await {
        Ok(engine) => {
            let started = if engine.started { "started for this check" } else { "was running" };
            match admin::ask(&places, "status", &serde_json::Value::Null).await {
                Ok(_) => {
                    say(true, format!("the engine answers ({started})"), "")?;
                    say(true, format!("data in {}", places.root.display()), "")?;
                }
                Err(failure) => {
                    let (what, next) = failure.into_parts();
                    say(false, format!("the engine: {what}"), &next)?;
                }
            }
        }
        Err(error) => {
            say(false, format!("the engine: {error}"), &open::advice(&error, &places))?;
        }
    }
    let sound = checks.iter().all(|check| check["ok"] == true);
    if args.json {
        out(&format!("{}\n", json!({ "ok": sound, "checks": checks })))?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
