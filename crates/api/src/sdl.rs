//! A view as text in the schema definition language: types and fields sorted by name, with descriptions.

use std::fmt::Write;

use crate::schema::directives::{self, Application, DirectiveDef};
use crate::schema::{Arg, Composite, EnumValue, Field, Name, Schema, TypeDef, TypeKind, is_hidden};

/// GraphQL's own scalars, which are not declared.
const STANDARD: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

/// A text as a literal. What JSON escapes, GraphQL escapes alike.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The SDL of a view.
#[must_use]
pub fn print(schema: &Schema) -> String {
    let mut out = String::new();
    for directive in schema.directives().iter().filter(|directive| !directive.standard) {
        print_directive(&mut out, directive);
    }
    for (_, def) in schema.types().filter(|(_, def)| !is_hidden(&def.name) && !STANDARD.contains(&&*def.name))
    {
        print_type(schema, &mut out, def);
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

fn print_directive(out: &mut String, directive: &DirectiveDef) {
    describe(out, "", directive.doc);
    put(out, format_args!("directive @{}", directive.name));
    if !directive.args.is_empty() {
        let args = directive.args.iter().map(|arg| match arg.default {
            Some(default) => format!("{}: {} = {default}", arg.name, arg.ty),
            None => format!("{}: {}", arg.name, arg.ty),
        });
        put(out, format_args!("({})", args.collect::<Vec<_>>().join(", ")));
    }
    put(out, format_args!(" on {}\n\n", directive.locations.join(" | ")));
}

fn print_type(schema: &Schema, out: &mut String, def: &TypeDef) {
    describe(out, "", &def.doc);
    match &def.kind {
        TypeKind::Scalar(_) => put(out, format_args!("scalar {}\n\n", def.name)),
        TypeKind::Object(composite) => print_composite(schema, out, "type", def, composite),
        TypeKind::Interface(composite) => print_composite(schema, out, "interface", def, composite),
        TypeKind::Enum(values) => {
            put(out, format_args!("enum {} {{\n", def.name));
            for value in values.values() {
                print_enum_value(out, value);
            }
            out.push_str("}\n\n");
        }
        TypeKind::Input(fields) => {
            put(out, format_args!("input {} {{\n", def.name));
            for field in fields {
                describe(out, "  ", &field.doc);
                put(out, format_args!("  {}\n", arg_text(schema, field)));
            }
            out.push_str("}\n\n");
        }
    }
}

fn print_composite(schema: &Schema, out: &mut String, keyword: &str, def: &TypeDef, composite: &Composite) {
    put(out, format_args!("{keyword} {}", def.name));
    let interfaces: Vec<&Name> = composite.interfaces.iter().map(|ix| &schema.get(*ix).name).collect();
    for (at, name) in interfaces.into_iter().enumerate() {
        put(out, format_args!("{} {name}", if at == 0 { " implements" } else { " &" }));
    }
    out.push_str(" {\n");
    let mut first = true;
    for field in composite.fields.values().filter(|field| !is_hidden(&field.name)) {
        if !std::mem::take(&mut first) {
            out.push('\n');
        }
        print_field(schema, out, field);
    }
    out.push_str("}\n\n");
}

fn print_field(schema: &Schema, out: &mut String, field: &Field) {
    describe(out, "  ", &field.description());
    put(out, format_args!("  {}", field.name));
    if field.args.iter().all(|arg| arg.doc.is_empty()) {
        if !field.args.is_empty() {
            let args: Vec<String> = field.args.iter().map(|arg| arg_text(schema, arg)).collect();
            put(out, format_args!("({})", args.join(", ")));
        }
    } else {
        out.push_str("(\n");
        for arg in &field.args {
            describe(out, "    ", &arg.doc);
            put(out, format_args!("    {}\n", arg_text(schema, arg)));
        }
        out.push_str("  )");
    }
    put(out, format_args!(": {}{}\n", schema.show(&field.ty), applied(&directives::of_field(field))));
}

fn arg_text(schema: &Schema, arg: &Arg) -> String {
    let default = arg.default_text.map(|default| format!(" = {default}")).unwrap_or_default();
    format!("{}: {}{default}{}", arg.name, schema.show(&arg.ty), applied(&directives::of_arg(arg)))
}

fn print_enum_value(out: &mut String, value: &EnumValue) {
    describe(out, "  ", &value.doc);
    put(out, format_args!("  {}{}\n", value.name, applied(&directives::of_enum_value(value))));
}

fn applied(applications: &[Application]) -> String {
    let mut out = String::new();
    for Application { name, args } in applications {
        let args: Vec<String> = args.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        put(&mut out, format_args!(" @{name}({})", args.join(", ")));
    }
    out
}

/// A description as a block string; nothing if there is none.
fn describe(out: &mut String, indent: &str, doc: &str) {
    if doc.is_empty() {
        return;
    }
    put(out, format_args!("{indent}\"\"\"\n"));
    for line in doc.replace("\"\"\"", "\\\"\"\"").lines() {
        let line = line.trim_end();
        if line.is_empty() {
            out.push('\n');
        } else {
            put(out, format_args!("{indent}{line}\n"));
        }
    }
    put(out, format_args!("{indent}\"\"\"\n"));
}

/// Appends to a text, which cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
