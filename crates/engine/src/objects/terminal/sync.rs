//! `Terminal.sync`: waits until the terminal is closed, and gives its ID.

use kukri_engine_macros::Operation;

/// Waits until the terminal is closed, and gives its ID.
#[derive(Operation)]
#[operation(
    on = "Terminal",
    returns = "ID!",
    expected = "Terminal",
    cache = "never",
    unavailable = "terminals are not supported yet; run commands with withExec"
)]
#[example(r#"container.from(address: "alpine").terminal.sync"# => r#"raises "run commands with withExec""#)]
pub struct Sync {}
