//! A chain of functions, as it was written.

use clap::ArgMatches;
use kukri_api::Schema;
use kukri_api::schema::{Field, Type, TypeIx};

use super::names::kebab;
use super::value::{self, Value};
use super::{functions, next, tree};
use crate::fail::Failure;

/// One function with its arguments.
#[derive(Debug)]
pub struct Step {
    /// The type that it is a function of.
    pub on: TypeIx,
    /// Its name in the API.
    pub name: String,
    /// Arguments that were given.
    pub args: Vec<Given>,
}

/// An argument.
#[derive(Debug)]
pub struct Given {
    /// Its name in the API.
    pub name: &'static str,
    /// Its flag.
    pub flag: String,
    /// Its value.
    pub value: Value,
}

/// What is asked for.
#[derive(Debug)]
pub struct Chain {
    /// The API.
    pub schema: Schema,
    /// The functions, at least one.
    pub steps: Vec<Step>,
}

impl Chain {
    /// Reads what was matched by the tree of `words`.
    pub fn read(schema: Schema, core: &ArgMatches) -> Result<Self, Failure> {
        let mut steps = Vec::new();
        let mut on = schema.query();
        let mut matches = core;
        while let Some((name, inner)) = matches.subcommand() {
            let Some(field) = functions(&schema, on).find(|field| kebab(&field.name) == name) else { break };
            steps.push(Step { on, name: field.name.to_string(), args: arguments(&schema, field, inner)? });
            match next(&schema, field) {
                Some(next) => on = next,
                None => break,
            }
            matches = inner;
        }
        Ok(Self { schema, steps })
    }

    /// The field of a step.
    pub fn field(&self, step: &Step) -> Option<&Field> {
        self.schema.composite(step.on)?.fields.get(step.name.as_str())
    }

    /// Why it cannot be done: the first function that this engine does not have yet.
    pub fn refusal(&self) -> Option<String> {
        self.steps.iter().find_map(|step| self.field(step)?.refusal(&self.schema.get(step.on).name))
    }

    /// What the last function gives; an object also where the API gives its ID.
    pub fn result(&self) -> Option<Gives<'_>> {
        let field = self.field(self.steps.last()?)?;
        Some(Gives { ty: &field.ty, object: next(&self.schema, field) })
    }
}

/// What a chain gives.
pub struct Gives<'a> {
    /// Its type.
    pub ty: &'a Type,
    /// The object, if it is one or several.
    pub object: Option<TypeIx>,
}

fn arguments(schema: &Schema, field: &Field, matches: &ArgMatches) -> Result<Vec<Given>, Failure> {
    let mut given = Vec::new();
    for parameter in &field.args {
        let Ok(Some(raw)) = matches.try_get_raw(&tree::id(parameter)) else { continue };
        let flag = format!("--{}", kebab(parameter.name));
        let texts: Vec<String> = raw
            .map(|text| text.to_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| Failure::usage(format!("{flag}: the value is not UTF-8")))?;
        let value = value::parse(schema, parameter, &texts)
            .map_err(|error| Failure::usage(format!("{flag}: {error}")))?;
        given.push(Given { name: parameter.name, flag, value });
    }
    Ok(given)
}
