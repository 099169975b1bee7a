//! `kukri version`.

use std::process::ExitCode;

use crate::fail::Outcome;

/// What `--version` prints after the name.
pub const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), " (API v0.21.8)");

/// Prints the version.
#[expect(clippy::print_stdout, reason = "the answer")]
pub fn version() -> Outcome {
    println!("kukri {TEXT} {}/{}", std::env::consts::OS, std::env::consts::ARCH);
    Ok(ExitCode::SUCCESS)
}
