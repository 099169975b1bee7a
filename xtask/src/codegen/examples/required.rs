//! Which operations need an example: all that work.

use kukri_engine::Registry;

use super::Examples;

/// Operations without an example, each with the reason; `Type.*` stands for all of a type.
const WITHOUT: &[(&str, &str)] = &[
    ("Container.exportImage", "needs docker or podman on the client's machine"),
    ("Host.containerImage", "needs docker or podman on the client's machine"),
    ("Container.withoutUnixSocket", "there is nothing to remove while sockets cannot be mounted"),
    ("Container.publish", "needs a registry that may be written to"),
    ("Container.withRegistryAuth", "only a registry that asks for a password shows it"),
    ("Container.withoutRegistryAuth", "only a registry that asks for a password shows it"),
];

/// Fails if an operation that works has no example, or if one that is excused has one.
pub fn check(registry: &Registry, examples: &Examples) -> Result<(), String> {
    let mut problems = Vec::new();
    for operation in registry.objects.values().flat_map(|entry| entry.fields.values()) {
        let def = operation.def;
        let name = format!("{}.{}", def.on, def.name);
        if def.name == "id" || def.name.starts_with('_') || def.unavailable.is_some() {
            continue;
        }
        match (examples.contains_key(&name), excused(def.on, &name)) {
            (false, false) => problems.push(format!(
                "{name} has no example: add #[example(r#\"steps\"# => r#\"value\"#)] below its #[operation]"
            )),
            (true, true) => problems.push(format!("{name} has an example: take it out of {}", file!())),
            _ => {}
        }
    }
    for (name, _) in WITHOUT {
        let known = name.split_once('.').is_some_and(|(on, field)| match field {
            "*" => registry.objects.contains_key(on),
            _ => registry.operation(on, field).is_some(),
        });
        if !known {
            problems.push(format!("{name} is no operation: take it out of {}", file!()));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}

/// Whether an operation of the type `on` needs no example.
fn excused(on: &str, name: &str) -> bool {
    WITHOUT.iter().any(|(without, _)| *without == name || without.strip_suffix(".*") == Some(on))
}
