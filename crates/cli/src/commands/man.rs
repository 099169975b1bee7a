//! `kukri man`: the manual, from the same tables as help and reference.

use std::process::ExitCode;

use crate::args::ManArgs;
use crate::fail::{Failure, Outcome, err};
use crate::reference;

/// Writes a page for each command.
pub fn man(args: &ManArgs) -> Outcome {
    let failed = |path: &std::path::Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::new(format!("{path}: {error}"))
    };
    std::fs::create_dir_all(&args.dir).map_err(failed(&args.dir))?;
    let pages = reference::manual_pages()?;
    for (name, page) in &pages {
        let path = args.dir.join(name);
        std::fs::write(&path, page).map_err(failed(&path))?;
    }
    err(&format!("{} pages are in {}\n", pages.len(), args.dir.display()));
    Ok(ExitCode::SUCCESS)
}
