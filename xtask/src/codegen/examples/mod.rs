//! The examples of operations: for the reference, for docstrings, and as a file that the tests run.

mod layout;
mod parse;
mod python;
mod required;

use std::collections::BTreeMap;

use kukri_engine::Registry;
use serde_json::{Value, json};

/// One example.
pub struct Example {
    /// Its statements, as an asynchronous Python program writes them. The value is that of the last.
    python: Vec<String>,
    /// The same without `await`.
    sync: Vec<String>,
    /// What comes out.
    outcome: Outcome,
}

/// What comes out of an example.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// A value. `…` in its texts stands for anything.
    Gives(Value),
    /// A value of this kind: it is not the same on each machine or in each run.
    Like(Value),
    /// An error whose message has this in it.
    Raises(String),
}

/// Examples by `Type.field`.
pub type Examples = BTreeMap<String, Vec<Example>>;

/// All examples of the registry.
pub fn collect(registry: &Registry) -> Result<Examples, String> {
    let mut examples = Examples::new();
    let operations = registry.objects.values().flat_map(|entry| entry.fields.values());
    // What interfaces have of their own is no operation of any object.
    let own =
        registry.interfaces.values().flat_map(|def| def.fields.iter().filter(|field| field.on == def.name));
    for def in operations.map(|operation| operation.def).chain(own) {
        let name = format!("{}.{}", def.on, def.name);
        for example in def.examples {
            let made = make(registry, example.call, example.gives);
            let made = made.map_err(|error| format!("example of {name}: {error}: {}", example.call))?;
            examples.entry(name.clone()).or_default().push(made);
        }
    }
    required::check(registry, &examples)?;
    Ok(examples)
}

fn make(registry: &Registry, call: &str, gives: &str) -> Result<Example, String> {
    let chains = parse::parse(call)?;
    let lay = |wait: bool| -> Result<Vec<String>, String> {
        chains
            .iter()
            .map(|chain| {
                let text = python::expression(registry, chain, wait)?.lay(0, 0, false);
                match text.lines().find(|line| line.chars().count() > layout::WIDTH) {
                    Some(line) => Err(format!("this line gets too long: {line}")),
                    None => Ok(text),
                }
            })
            .collect()
    };
    Ok(Example { python: lay(true)?, sync: lay(false)?, outcome: outcome(gives)? })
}

/// Reads `"a value"`, `like "a value"` or `raises "a message"`.
fn outcome(text: &str) -> Result<Outcome, String> {
    let json = |text: &str| {
        serde_json::from_str(text).map_err(|error| format!("what it gives is not JSON: {error}"))
    };
    if let Some(sample) = text.strip_prefix("like ") {
        return json(sample).map(Outcome::Like);
    }
    match text.strip_prefix("raises ") {
        Some(message) => match json(message)? {
            Value::String(message) => Ok(Outcome::Raises(message)),
            _ => Err("the message of an error is a text".to_owned()),
        },
        None => Ok(Outcome::Gives(json(text)?)),
    }
}

impl Example {
    /// The lines of a Python program, with what comes out as a comment.
    pub fn lines(&self, is_async: bool) -> Vec<String> {
        let statements = if is_async { &self.python } else { &self.sync };
        let mut lines: Vec<String> =
            statements.iter().flat_map(|statement| statement.lines()).map(ToOwned::to_owned).collect();
        lines.push(match &self.outcome {
            Outcome::Gives(value) => format!("# {}", literal(value)),
            Outcome::Like(value) => format!("# for example {}", literal(value)),
            Outcome::Raises(message) => format!("# raises {}", literal(&Value::from(message.as_str()))),
        });
        lines
    }
}

/// A value as Python writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The file for the tests.
pub fn file(examples: &Examples) -> String {
    let mut lines = Vec::new();
    for (name, examples) in examples {
        for example in examples {
            let mut line = json!({ "operation": name, "async": example.python, "sync": example.sync });
            match &example.outcome {
                Outcome::Gives(value) => line["gives"] = value.clone(),
                Outcome::Like(value) => line["like"] = value.clone(),
                Outcome::Raises(message) => line["raises"] = message.as_str().into(),
            }
            lines.push(format!("  {line}"));
        }
    }
    format!("[\n{}\n]\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_errors_and_mistakes() {
        assert_eq!(outcome("[1]").unwrap(), Outcome::Gives(json!([1])));
        assert_eq!(outcome("raises \"no\"").unwrap(), Outcome::Raises("no".to_owned()));
        assert_eq!(outcome("like 3").unwrap(), Outcome::Like(json!(3)));
        assert!(outcome("raises 1").is_err());
        assert!(outcome("like this").is_err());
        assert!(outcome("hello").is_err());
    }

    #[test]
    fn values_are_those_of_python() {
        assert_eq!(literal(&json!([null, true, "a\n", 1])), "[None, True, \"a\\n\", 1]");
    }
}
