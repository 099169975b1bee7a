//! `kukri version`.

use std::process::ExitCode;

use kukri_api::View;
use serde_json::json;

use crate::args::VersionArgs;
use crate::exit::Dialect;
use crate::fail::{Outcome, out};
use crate::settings;

/// What `--version` prints after the name.
pub const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), " (API v0.21.8)");

/// Prints the version. As `dagger`, in the form in which that command does, which programs read.
pub fn version(args: &VersionArgs, dialect: Dialect) -> Outcome {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
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
            let arch = match arch {
                "x86_64" => "amd64",
                "aarch64" => "arm64",
                other => other,
            };
            let (api, own) = (View::DEFAULT, env!("CARGO_PKG_VERSION"));
            format!("dagger {api} (unix://{}; kukri {own}) {os}/{arch}", socket.display())
        }
    };
    out(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
