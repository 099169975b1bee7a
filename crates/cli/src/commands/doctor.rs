//! `kukri doctor`: whether this machine can run pipelines.

use std::process::ExitCode;

use kukri_session::launch::ensure_engine;

use super::open;
use crate::admin;
use crate::fail::Outcome;
use crate::settings;

/// Checks one thing after the other and says what it finds.
#[expect(clippy::print_stdout, reason = "the answer")]
pub async fn doctor() -> Outcome {
    let places = settings::from_environment()?.places()?;
    let mut sound = true;
    let mut say = |good: bool, text: String, next: &str| {
        sound &= good;
        println!("{} {text}", if good { "ok  " } else { "FAIL" });
        if !good && !next.is_empty() {
            println!("     {next}");
        }
    };
    let root = rustix::process::geteuid().is_root();
    say(
        root,
        format!("the user is {}", if root { "root" } else { "not root" }),
        "this version's engine needs root: start it as root (sudo kukri engine) or in a VM or container of your own",
    );
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let mut parts = kernel.split(['.', '-']);
    let version = (number(parts.next()), number(parts.next()));
    say(version >= (5, 12), format!("kernel {kernel}"), "Linux 5.12 or newer is needed");
    let overlay = std::fs::read_to_string("/proc/filesystems").unwrap_or_default().contains("overlay");
    say(overlay, "overlay file system".to_owned(), "load the kernel module: modprobe overlay");
    match ensure_engine(&open::launch(&places)?).await {
        Ok(engine) => {
            let started = if engine.started { "started for this check" } else { "was running" };
            say(true, format!("the engine answers ({started})"), "");
            let answer = admin::ask(&places, "status", &serde_json::Value::Null).await;
            say(answer.is_ok(), format!("data in {}", places.root.display()), "");
        }
        Err(error) => {
            say(false, format!("the engine: {error}"), &format!("its log is {}", places.log.display()))
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
