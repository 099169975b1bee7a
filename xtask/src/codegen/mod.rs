//! Writes what is made from the engine's registry (the lists of operations, the SDL, the Python client, the reference),
//! and the pages about the command from its own tables.
//!
//! The lists of operations come first: they are part of the engine, so when one of them changes, this program has to be
//! built again before it can know the operations that are new.

mod cli;
mod errors;
mod examples;
mod files;
mod literal;
mod modules;
mod names;
mod python;
mod reference;

use std::path::Path;
use std::process::Command;

use kukri_api::{Schema, View, sdl};
use kukri_engine::Registry;

use files::Output;

use crate::coverage::Report;

/// The version of the API that clients of the 0.21 line see.
const OLD_VIEW: &str = "v0.21.8";

/// A version that is newer than any gate.
const NEWEST_VIEW: &str = "v1.0.0";

/// Writes all files, or only compares them.
pub fn run(check: bool) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent folder")?;
    let mut lists = Output::new(root, check);
    modules::write(&mut lists)?;
    if lists.finish()? {
        return again();
    }
    let registry = Registry::core();
    let schema = Schema::build(&registry, &View::of(NEWEST_VIEW));
    if !schema.problems().is_empty() {
        return Err(format!("the registry does not fit together:\n  {}", schema.problems().join("\n  ")));
    }
    let mut out = Output::new(root, check);
    out.file("schema/schema.graphqls", &sdl::print(&schema))?;
    out.file("schema/schema-0.21.graphqls", &sdl::print(&Schema::build(&registry, &View::of(OLD_VIEW))))?;
    out.file("docs/reference/api/README.md", &reference::index(&schema))?;
    let examples = examples::collect(&registry)?;
    out.file("schema/examples.json", &examples::file(&examples))?;
    for (name, text) in reference::pages(&schema, &examples)? {
        out.file(&format!("docs/reference/api/{name}"), &text)?;
    }
    out.only("docs/reference/api", "md")?;
    let coverage = Report::new(root)?;
    for (path, text) in [coverage.pending(), coverage.left_out(), coverage.gaps()] {
        out.file(path, &text)?;
    }
    out.file("docs/reference/api-coverage.md", &coverage.page())?;
    cli::write(&mut out)?;
    errors::write(&mut out)?;
    python::write(&schema, &examples, &coverage, &mut out)?;
    out.finish().map(drop)
}

/// Builds and runs this program once more.
fn again() -> Result<(), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--package", "xtask", "--", "codegen"])
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(String::new()) }
}
