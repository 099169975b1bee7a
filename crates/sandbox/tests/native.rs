//! The native executor on a real kernel.

mod common;

use std::time::{Duration, Instant};

use common::{fixture, native};
use kukri_sandbox::*;

#[tokio::test]
async fn privileged_true_leaves_nothing() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let output = boxed.run_with(&runtime, boxed.spec(&["true"]), |_| ()).await.unwrap();
    assert_eq!(output.exit.status, ExitStatus::Code(0));
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(output.upper_entries(), Vec::<String>::new());
    assert_eq!(output.exit.created, Vec::<std::path::PathBuf>::new());
    assert!(output.exit.usage.wall > Duration::ZERO && output.exit.usage.max_rss_bytes > 0);
}

#[tokio::test]
async fn privileged_exit_codes_and_signals() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    for init in [true, false] {
        for (script, status) in [
            ("exit 0", ExitStatus::Code(0)),
            ("exit 7", ExitStatus::Code(7)),
            ("exit 255", ExitStatus::Code(255)),
            ("exit 137", ExitStatus::Code(137)),
        ] {
            let spec = boxed.spec(&["sh", "-c", script]);
            let output = boxed.run_with(&runtime, spec, |request| request.init = init).await.unwrap();
            assert_eq!(output.exit.status, status, "{script} {init}");
        }
    }
    for signal in [9, 15, 11] {
        let output = boxed.sh(&runtime, &format!("kill -{signal} $$")).await;
        assert_eq!(output.exit.status, ExitStatus::Signal(signal));
        assert_eq!(output.exit.status.shell_code(), 128 + signal);
    }
}
