//! Examples as Python programs write them.

use kukri_engine::Registry;
use kukri_model::schema::{ArgDef, TypeRef};
use serde_json::Value;

use super::super::literal::quoted;
use super::super::names;
use super::parse::{Chain, Literal, Step};

/// The expression that gives the value; `wait` is `"await "` or nothing. The root is called `dag`.
///
/// What comes after a list of objects is asked of each of them.
pub fn expression(registry: &Registry, chain: &Chain, wait: &str) -> Result<String, String> {
    let mut on = "Query";
    let mut code = "dag".to_owned();
    let mut steps = chain.0.iter();
    while let Some(step) = steps.next() {
        let (call, returns) = method(registry, on, step)?;
        code.push_str(&call);
        on = returns.base();
        if returns.is_list() && registry.objects.contains_key(on) {
            let inner = below(registry, on, steps.as_slice())?;
            return Ok(format!("[{wait}item{inner} for item in {wait}{code}]"));
        }
    }
    Ok(format!("{wait}{code}"))
}

/// The steps on an item of a list.
fn below(registry: &Registry, on: &str, steps: &[Step]) -> Result<String, String> {
    let mut on = on.to_owned();
    let mut code = String::new();
    for step in steps {
        let (call, returns) = method(registry, &on, step)?;
        code.push_str(&call);
        returns.base().clone_into(&mut on);
    }
    Ok(code)
}

/// `.name(arguments)`, and the type of what it gives.
fn method(registry: &Registry, on: &str, step: &Step) -> Result<(String, TypeRef), String> {
    let operation =
        registry.operation(on, &step.field).ok_or_else(|| format!("{on} has no operation {}", step.field))?;
    let mut args = Vec::new();
    let mut positional = true;
    for (name, _) in &step.args {
        if !operation.def.args.iter().any(|def| def.name == name) {
            return Err(format!("{on}.{} has no argument {name}", step.field));
        }
    }
    for def in operation.def.args {
        let required = def.default.is_none() && !def.ty.is_nullable();
        let Some((_, value)) = step.args.iter().find(|(name, _)| name == def.name) else {
            if required {
                return Err(format!("{on}.{} needs the argument {}", step.field, def.name));
            }
            continue;
        };
        positional &= required;
        let value = literal(registry, def, value)?;
        args.push(if positional { value } else { format!("{}={value}", names::python(def.name)) });
    }
    Ok((format!(".{}({})", names::python(&step.field), args.join(", ")), operation.def.returns))
}

fn literal(registry: &Registry, def: &ArgDef, value: &Literal) -> Result<String, String> {
    let base = def.ty.base();
    Ok(match value {
        Literal::Json(Value::Null) => "None".to_owned(),
        Literal::Json(Value::Bool(true)) => "True".to_owned(),
        Literal::Json(Value::Bool(false)) => "False".to_owned(),
        Literal::Json(Value::String(text)) => scalar(base, &quoted(text)),
        Literal::Json(value) => value.to_string(),
        Literal::Member(name) => format!("dagger.{base}.{name}"),
        Literal::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| literal(registry, def, item)).collect();
            format!("[{}]", items?.join(", "))
        }
        Literal::Object(fields) => {
            let input = registry.inputs.get(base).ok_or_else(|| format!("{base} is not an input"))?;
            let mut args = Vec::new();
            for (name, value) in fields {
                let field = input.fields.iter().find(|field| field.name == name);
                let field = field.ok_or_else(|| format!("{base} has no field {name}"))?;
                args.push(format!("{}={}", names::python(name), literal(registry, field, value)?));
            }
            format!("dagger.{base}({})", args.join(", "))
        }
        Literal::Chain(chain) => expression(registry, chain, "")?,
    })
}

/// A text of a scalar of the API has a type of its own in Python.
fn scalar(base: &str, text: &str) -> String {
    match base {
        "Platform" | "JSON" => format!("dagger.{base}({text})"),
        _ => text.to_owned(),
    }
}
