//! The examples of operations: for the reference, and as a file that the tests run.

mod parse;
mod python;

use std::collections::BTreeMap;

use kukri_engine::Registry;
use serde_json::json;

/// One example.
pub struct Example {
    /// As an asynchronous Python program writes it.
    pub python: String,
    /// The same without `await`.
    pub sync: String,
    /// What it gives, as JSON.
    pub gives: String,
}

/// Examples by `Type.field`.
pub type Examples = BTreeMap<String, Vec<Example>>;

/// All examples of the registry.
pub fn collect(registry: &Registry) -> Result<Examples, String> {
    let mut examples = Examples::new();
    let operations = registry.objects.values().flat_map(|entry| entry.fields.values());
    for operation in operations {
        let name = format!("{}.{}", operation.def.on, operation.def.name);
        for example in operation.def.examples {
            let made = make(registry, example.call, example.gives);
            let made = made.map_err(|error| format!("example of {name}: {error}: {}", example.call))?;
            examples.entry(name.clone()).or_default().push(made);
        }
    }
    Ok(examples)
}

fn make(registry: &Registry, call: &str, gives: &str) -> Result<Example, String> {
    let chain = parse::parse(call)?;
    let value: serde_json::Value =
        serde_json::from_str(gives).map_err(|error| format!("what it gives is not JSON: {error}"))?;
    Ok(Example {
        python: python::expression(registry, &chain, "await ")?,
        sync: python::expression(registry, &chain, "")?,
        gives: value.to_string(),
    })
}

/// The file for the tests.
pub fn file(examples: &Examples) -> String {
    let mut lines = Vec::new();
    for (name, examples) in examples {
        for example in examples {
            let value: serde_json::Value = serde_json::from_str(&example.gives).unwrap_or_default();
            let line = json!({
                "operation": name, "async": example.python, "sync": example.sync, "gives": value,
            });
            lines.push(format!("  {line}"));
        }
    }
    format!("[\n{}\n]\n", lines.join(",\n"))
}
