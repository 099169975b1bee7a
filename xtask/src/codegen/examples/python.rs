//! Examples as Python programs write them.

use kukri_engine::Registry;
use kukri_model::schema::{ArgDef, OperationDef, TypeRef};
use serde_json::Value;

use super::super::literal::quoted;
use super::super::names;
use super::layout::{Arg, Calls, Code};
use super::parse::{Chain, Literal, Step};

/// The expression that gives the value, awaited if `wait`. The root is called `dag`.
///
/// What comes after a list of objects is asked of each of them.
pub fn expression(registry: &Registry, chain: &Chain, wait: bool) -> Result<Code, String> {
    let dag = Code::Text("dag".to_owned());
    steps(registry, dag, "Query", &chain.0, wait)
}

/// An operation of a type, or what all objects have.
fn operation(registry: &Registry, kind: &str, field: &str) -> Option<&'static OperationDef> {
    let of_all = || registry.interfaces.get("Node")?.fields.iter().find(|def| def.name == field);
    let own = registry.operation(kind, field).map(|operation| operation.def);
    own.or_else(|| registry.objects.contains_key(kind).then(of_all)?)
}

fn steps(registry: &Registry, on: Code, kind: &str, steps_left: &[Step], wait: bool) -> Result<Code, String> {
    let mut kind = kind;
    let mut calls = Calls { on, calls: Vec::new(), wait };
    let mut left = steps_left.iter();
    while let Some(step) = left.next() {
        let def = operation(registry, kind, &step.field)
            .ok_or_else(|| format!("{kind} has no operation {}", step.field))?;
        calls.calls.push((names::python(&step.field), args(registry, def, step)?));
        let returns = def.returns;
        let base = returns.base();
        if returns.is_list() && registry.objects.contains_key(base) {
            let item = steps(registry, Code::Text("item".to_owned()), base, left.as_slice(), wait)?;
            return Ok(Code::Each { item: Box::new(item), of: Box::new(Code::Calls(Box::new(calls))) });
        }
        kind = match (def.expected_type, left.as_slice()) {
            // An object that was computed, such as `sync` gives.
            (Some(expected), [_, ..]) => {
                if wait {
                    calls = Calls { on: Code::Calls(Box::new(calls)), calls: Vec::new(), wait };
                }
                expected
            }
            _ => base,
        };
    }
    Ok(Code::Calls(Box::new(calls)))
}

fn args(registry: &Registry, def: &OperationDef, step: &Step) -> Result<Vec<Arg>, String> {
    let place = format!("{}.{}", def.on, def.name);
    for (name, _) in &step.args {
        if !def.args.iter().any(|def| def.name == name) {
            return Err(format!("{place} has no argument {name}"));
        }
    }
    let mut args = Vec::new();
    let mut positional = true;
    let is_required = |def: &ArgDef| def.default.is_none() && !def.ty.is_nullable();
    let (required, optional): (Vec<&ArgDef>, Vec<&ArgDef>) =
        def.args.iter().partition(|def| is_required(def));
    for def in required.into_iter().chain(optional) {
        let Some((_, value)) = step.args.iter().find(|(name, _)| name == def.name) else {
            if is_required(def) {
                return Err(format!("{place} needs the argument {}", def.name));
            }
            continue;
        };
        positional &= is_required(def);
        let name = if positional { None } else { Some(names::python(def.name)) };
        args.push((name, literal(registry, &def.ty, value)?));
    }
    Ok(args)
}

fn literal(registry: &Registry, ty: &TypeRef, value: &Literal) -> Result<Code, String> {
    let base = ty.base();
    Ok(match value {
        Literal::Json(Value::Null) => Code::Text("None".to_owned()),
        Literal::Json(Value::Bool(true)) => Code::Text("True".to_owned()),
        Literal::Json(Value::Bool(false)) => Code::Text("False".to_owned()),
        Literal::Json(Value::String(text)) => Code::Text(scalar(base, &quoted(text))),
        Literal::Json(value) => Code::Text(value.to_string()),
        Literal::Member(name) => Code::Text(format!("dagger.{base}.{name}")),
        Literal::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| literal(registry, ty, item)).collect();
            Code::List(items?)
        }
        Literal::Object(fields) => {
            let input = registry.inputs.get(base).ok_or_else(|| format!("{base} is not an input"))?;
            let mut args = Vec::new();
            for (name, value) in fields {
                let field = input.fields.iter().find(|field| field.name == name);
                let field = field.ok_or_else(|| format!("{base} has no field {name}"))?;
                args.push((Some(names::python(name)), literal(registry, &field.ty, value)?));
            }
            Code::New(format!("dagger.{base}"), args)
        }
        Literal::Chain(chain) => expression(registry, chain, false)?,
    })
}

/// A text of a scalar of the API has a type of its own in Python.
fn scalar(base: &str, text: &str) -> String {
    match base {
        "Platform" | "JSON" => format!("dagger.{base}({text})"),
        _ => text.to_owned(),
    }
}
