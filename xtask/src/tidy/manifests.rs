//! Dependencies between the crates of the workspace, as cargo sees them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A dependency of one crate of the workspace on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Normal or build.
    Normal,
    /// For tests and examples.
    Dev,
}

/// Short names of crates (`kukri-` left out) with what they depend on.
pub type Manifests = BTreeMap<String, Vec<(String, Kind)>>;

/// Asks cargo.
pub fn read(root: &Path) -> Result<Manifests, String> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("{cargo} metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("{cargo} metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    Ok(parse(&metadata))
}

fn parse(metadata: &Value) -> Manifests {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let short = |value: &Value| {
        let name = value["name"].as_str().unwrap_or_default();
        name.strip_prefix("kukri-").unwrap_or(name).to_owned()
    };
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
            let inside = dependencies
                .iter()
                // What comes from the workspace has a path and no registry.
                .filter(|dependency| dependency["path"].is_string())
                .map(|dependency| {
                    let kind = if dependency["kind"] == "dev" { Kind::Dev } else { Kind::Normal };
                    (short(dependency), kind)
                })
                .collect();
            (short(package), inside)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_inside_the_workspace() {
        let found = parse(&serde_json::json!({"packages": [{"name": "kukri-a", "dependencies": [
            {"name": "kukri-b", "kind": null, "path": "/w/crates/b"},
            {"name": "kukri-c", "kind": "build", "path": "/w/crates/c"},
            {"name": "kukri-d", "kind": "dev", "path": "/w/crates/d"},
            {"name": "serde", "kind": null, "source": "registry"},
        ]}]}));
        let kinds = [("b", Kind::Normal), ("c", Kind::Normal), ("d", Kind::Dev)];
        assert_eq!(found["a"], kinds.map(|(name, kind)| (name.to_owned(), kind)));
    }
}
