//! Values with their references replaced, without recursion over how variables refer to each other.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::EnvFile;
use super::expression::{Kind, Otherwise, Part, parse};
use crate::context::Cx;
use crate::error::OpError;

/// Longest value, in bytes: references make it possible to write one that is longer than any memory.
const MAX_VALUE: usize = 1 << 20;

/// Most bytes of all values that are made for one question: one long value may be part of thousands.
const MAX_VALUES: usize = 64 << 20;

/// Why a value is not there yet.
enum Wait {
    /// Another variable of the file is needed first.
    Variable(Arc<str>),
    /// A variable that is not in the file: the client may have it.
    Client(String),
}

/// What is known so far about the variables of a file.
struct Evaluation {
    raw: HashMap<Arc<str>, Arc<str>>,
    parts: HashMap<Arc<str>, Vec<Part>>,
    values: HashMap<Arc<str>, String>,
    /// Length of all values.
    bytes: usize,
    client: HashMap<String, Option<String>>,
}

impl EnvFile {
    /// The values of variables, in the order in which they are asked for; those that are not there are left out.
    pub async fn values(&self, names: &[Arc<str>], cx: &Cx) -> Result<Vec<(Arc<str>, String)>, OpError> {
        let mut evaluation = Evaluation::new(self);
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            loop {
                match evaluation.value(name)? {
                    Step::Done(value) => {
                        found.extend(value.map(|value| (Arc::clone(name), value)));
                        break;
                    }
                    Step::Ask(name) => {
                        let value = cx.session.variable(&name).await?;
                        evaluation.client.insert(name, value);
                    }
                }
            }
        }
        Ok(found)
    }
}

/// How far the evaluation of one variable came.
enum Step {
    /// The value; none if there is no such variable.
    Done(Option<String>),
    /// A variable of the client is needed.
    Ask(String),
}

impl Evaluation {
    fn new(file: &EnvFile) -> Self {
        let mut raw: HashMap<Arc<str>, Arc<str>> = file.context.iter().cloned().collect();
        raw.extend(file.variables());
        Self { raw, parts: HashMap::new(), values: HashMap::new(), bytes: 0, client: HashMap::new() }
    }

    /// Evaluates a variable and all that it refers to.
    fn value(&mut self, name: &Arc<str>) -> Result<Step, OpError> {
        let mut pending = vec![Arc::clone(name)];
        // Those that wait for what lies above them.
        let mut waiting: HashSet<Arc<str>> = HashSet::new();
        while let Some(next) = pending.last().cloned() {
            if self.values.contains_key(&next) {
                pending.pop();
                continue;
            }
            let Some(raw) = self.raw.get(&next) else { return Ok(Step::Done(None)) };
            if !self.parts.contains_key(&next) {
                let parts = parse(raw).map_err(|error| OpError::new(format!("variable {next}: {error}")))?;
                self.parts.insert(Arc::clone(&next), parts);
            }
            match self.join(&next, &self.parts[&next])? {
                Ok(value) => {
                    waiting.remove(&next);
                    self.bytes += value.len();
                    if self.bytes > MAX_VALUES {
                        return Err(OpError::new(format!(
                            "the values of the variables are longer than {MAX_VALUES} bytes together"
                        )));
                    }
                    self.values.insert(next, value);
                }
                Err(waits) => {
                    waiting.insert(Arc::clone(&next));
                    for wait in waits {
                        match wait {
                            Wait::Client(name) => return Ok(Step::Ask(name)),
                            Wait::Variable(name) if waiting.contains(&name) => {
                                return Err(OpError::new(format!("variable {name} refers to itself")));
                            }
                            Wait::Variable(name) => pending.push(name),
                        }
                    }
                }
            }
        }
        Ok(Step::Done(self.values.get(name).cloned()))
    }

    /// The value made of parts, or what it waits for.
    fn join(&self, of: &str, parts: &[Part]) -> Result<Result<String, Vec<Wait>>, OpError> {
        let mut text = String::new();
        let mut waits: Vec<Wait> = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        // What is still to be joined, last first: what is taken in place of a variable comes before what follows it.
        let mut rest: Vec<&Part> = parts.iter().rev().collect();
        while let Some(part) = rest.pop() {
            let (name, or) = match part {
                Part::Text(more) => {
                    text.push_str(more);
                    continue;
                }
                Part::Variable { name, or } => (name.as_str(), or.as_ref()),
            };
            let value = match (self.raw.get_key_value(name), self.client.get(name)) {
                (Some((name, _)), _) => match self.values.get(name) {
                    Some(value) => Some(value.as_str()),
                    None => {
                        if seen.insert(name) {
                            waits.push(Wait::Variable(Arc::clone(name)));
                        }
                        continue;
                    }
                },
                (None, Some(value)) => value.as_deref(),
                (None, None) => {
                    if seen.insert(name) {
                        waits.push(Wait::Client(name.to_owned()));
                    }
                    continue;
                }
            };
            let there = value.filter(|value| !(value.is_empty() && or.is_some_and(|or| or.empty_is_none)));
            match (there, or) {
                (Some(value), None | Some(Otherwise { kind: Kind::Default | Kind::Error, .. })) => {
                    text.push_str(value);
                }
                (Some(_), Some(or)) => rest.extend(or.parts.iter().rev()),
                (None, Some(or)) if or.kind == Kind::Default => rest.extend(or.parts.iter().rev()),
                (None, Some(or)) if or.kind == Kind::Alternative => {}
                (None, or) => {
                    let said = or.and_then(|or| match or.parts.as_slice() {
                        [Part::Text(text)] => Some(text.as_str()),
                        _ => None,
                    });
                    return Err(OpError::new(format!(
                        "variable {of} refers to {name}, which {}",
                        said.unwrap_or(
                            "is set neither in the file nor on the client (${NAME:-default} gives a default)"
                        )
                    )));
                }
            }
            if text.len() > MAX_VALUE {
                return Err(OpError::new(format!(
                    "the value of variable {of} is longer than {MAX_VALUE} bytes"
                )));
            }
        }
        Ok(if waits.is_empty() { Ok(text) } else { Err(waits) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse as parse_file;
    use super::*;

    fn get(text: &str, name: &str, client: &[(&str, &str)]) -> Result<Option<String>, String> {
        let mut evaluation = Evaluation::new(&parse_file(text).unwrap());
        loop {
            match evaluation.value(&name.into()).map_err(|error| error.to_string())? {
                Step::Done(value) => return Ok(value),
                Step::Ask(name) => {
                    let found = client.iter().find(|(known, _)| *known == name);
                    evaluation.client.insert(name, found.map(|(_, value)| (*value).to_owned()));
                }
            }
        }
    }

    #[test]
    fn references() {
        const FILE: &str = "BAZ=$FOO-baz\nFOO=bar\nE=\nSTORY=\"a man who said $MESSAGE\"\nMESSAGE=\"hi ${FOO}\"\n\
                            D=${NONE:-x $FOO}\nD2=${E:-y}\nD3=${E-y}\nALT=${FOO:+set}${NONE+no}\nHOST=$USERNAME\n\
                            TWICE=$FOO$FOO\n";
        for (name, expected) in [
            ("BAZ", Some("bar-baz")),
            ("STORY", Some("a man who said hi bar")),
            ("D", Some("x bar")),
            ("D2", Some("y")),
            ("D3", Some("")),
            ("ALT", Some("set")),
            ("HOST", Some("daisy")),
            ("TWICE", Some("barbar")),
            ("NONE", None),
        ] {
            assert_eq!(get(FILE, name, &[("USERNAME", "daisy")]).unwrap().as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn values_have_a_bound_together() {
        let long = "x".repeat(MAX_VALUE / 2);
        let file = |count: usize| {
            (1..count).fold(format!("A0={long}\n"), |text, at| format!("{text}A{at}=$A{}\n", at - 1))
        };
        assert_eq!(get(&file(100), "A99", &[]).unwrap().unwrap().len(), long.len());
        let error = get(&file(200), "A199", &[]).unwrap_err();
        assert!(error.contains("longer than 67108864 bytes together"), "{error}");
    }

    #[test]
    fn a_file_goes_before_the_client() {
        assert_eq!(get("A=file\nB=$A", "B", &[("A", "client")]).unwrap().as_deref(), Some("file"));
    }

    #[test]
    fn what_cannot_be_evaluated_is_said() {
        for (text, name, expected) in [
            ("A=$B\nB=$C\nC=$A", "A", "refers to itself"),
            ("A=x\nA=$A-y", "A", "refers to itself"),
            ("A=$NONE", "A", "refers to NONE, which is set neither"),
            ("A=${NONE:?must be given}", "A", "must be given"),
            ("A=\\\"\"", "A", "variable A: "),
        ] {
            let error = get(text, name, &[]).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn neither_long_chains_nor_floods_of_references_hurt() {
        const MANY: usize = 50_000;
        let mut text = String::from("V0=x\n");
        for number in 1..MANY {
            text.push_str(&format!("V{number}=$V{}\n", number - 1));
        }
        assert_eq!(get(&text, &format!("V{}", MANY - 1), &[]).unwrap().as_deref(), Some("x"));
        let mut text = String::from("V0=0123456789\n");
        for number in 1..64 {
            text.push_str(&format!("V{number}=$V{0}$V{0}\n", number - 1));
        }
        assert!(get(&text, "V63", &[]).unwrap_err().contains("longer than"));
    }
}
