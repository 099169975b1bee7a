//! `docs/reference/exit-codes.md`, and what `kukri help exit-codes` prints.

use std::fmt::Write;

use super::{NOTE, cell};
use crate::exit::TABLE;

const INTRODUCTION: &str = "\
What commands end with. It is never 0 where something failed, and the error is on standard error. Called as `dagger`, the
command has the statuses of that command.";

const SIGNALS: &str = "\
`kukri run` passes SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 on to the program and waits for it, so that the status \
tells what the program made of them: 130 if SIGINT ended it, 143 if SIGTERM did. What a terminal sends, as for Ctrl-C, the \
program gets from the terminal, once. Signals that are ignored when `kukri run` begins, as SIGHUP under `nohup`, stay \
ignored. After SIGTERM the program has the time of `--cleanup-timeout`.";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut out =
        format!("{NOTE}# Exit codes\n\n{INTRODUCTION}\n\n| status | as `dagger` | when |\n|---|---|---|\n");
    for (own, other, when) in TABLE {
        let _ = writeln!(out, "| {own} | {other} | {} |", cell(when));
    }
    let _ = write!(out, "\n## Signals\n\n{SIGNALS}\n");
    out.push_str("\n`kukri help exit-codes` prints the same.\n");
    out
}

/// The same for a terminal.
#[must_use]
pub fn text() -> String {
    let mut out = format!("{}\n\n", INTRODUCTION.replace('`', ""));
    for (own, _, when) in TABLE {
        let _ = writeln!(out, "  {own:<10} {}", when.replace('`', ""));
    }
    let _ = writeln!(out, "\n{}", SIGNALS.replace('`', ""));
    out
}
