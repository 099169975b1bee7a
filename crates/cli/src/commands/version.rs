//! `kukri version`.

use std::process::ExitCode;

use kukri_api::View;
use serde_json::json;

use crate::args::VersionArgs;
use crate::args::foreign::passed_over;
use crate::exit::Dialect;
use crate::fail::{Outcome, out};
use crate::settings;

/// What `--version` prints after the name.
pub const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), " (API v0.21.8)");

/// Prints the version. As `dagger`, in the form in which that command does, which programs read.
pub fn version(args: &VersionArgs, dialect: Dialect) -> Outcome {
    let (os, arch) = (std::env::consts::OS, architecture());
    let text = match dialect {
        _ if args.json => json!({
            "version": env!("CARGO_PKG_VERSION"),
            "api": View::DEFAULT.to_string(),
            "os": os,
            "arch": arch,
        })
        .to_string(),
        Dialect::Kukri => format!("kukri {TEXT} {os}/{arch}"),
        Dialect::Dagger => {
            let socket = settings::from_environment()?.places()?.socket;
            let (api, own) = (View::DEFAULT, env!("CARGO_PKG_VERSION"));
            format!("dagger {api} (unix://{}; kukri {own}) {os}/{arch}", socket.display())
        }
    };
    out(&format!("{text}\n"))?;
    if args.check {
        passed_over("--check", "no server is asked for newer versions");
    }
    Ok(ExitCode::SUCCESS)
}

/// In the words of images, as everywhere else: `amd64`, not `x86_64`.
const fn architecture() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "amd64"
    } else if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        std::env::consts::ARCH
    }
}
