//! Enums, inputs and scalars.

use std::fmt::Write;

use indexmap::IndexMap;
use kukri_api::Schema;
use kukri_api::schema::{Arg, EnumValue, Name, TypeDef};

use super::super::examples::Examples;
use super::super::literal::{self, quoted};
use super::super::names;
use super::docs::Docstring;
use super::example::described;
use super::{Flavour, HEADER, example, types};

/// The module of an enum.
pub fn enumeration(
    schema: &Schema,
    examples: &Examples,
    def: &TypeDef,
    members: &IndexMap<Name, EnumValue>,
) -> String {
    let mut out = format!(
        "\"\"\"The enum `{0}`. {HEADER}\"\"\"\n\nfrom __future__ import annotations\n\n\
         from dagger._types import Enum\n\n\nclass {0}(Enum):\n{1}\n",
        def.name,
        described(4, schema, examples, def, Flavour::Async).finish()
    );
    for member in members.values() {
        let _ = writeln!(out, "    {} = {}", member.name, quoted(&member.canonical));
        let states = [("Experimental", member.experimental), ("Deprecated", member.deprecated)]
            .map(|(word, reason)| reason.map(|reason| format!("{word}: {}", names::in_text(reason))));
        if !member.doc.is_empty() || states.iter().any(Option::is_some) {
            let mut doc = Docstring::new(4, &member.doc);
            states.iter().flatten().for_each(|text| doc.paragraph(text));
            out.push_str(&doc.finish());
        }
        out.push('\n');
    }
    trimmed(out)
}

/// The module of all scalars.
pub fn scalars(scalars: &[(String, Docstring)]) -> String {
    let mut out = format!(
        "\"\"\"The scalars of the API. {HEADER}\"\"\"\n\nfrom __future__ import annotations\n\n\
         from dagger._types import Scalar\n"
    );
    for (name, doc) in scalars {
        let _ = write!(out, "\n\nclass {name}(Scalar):\n{}\n    __slots__ = ()\n", doc.finish());
    }
    out
}

/// The module of an input.
pub fn input(schema: &Schema, examples: &Examples, def: &TypeDef, fields: &[Arg]) -> Result<String, String> {
    let name = def.name.as_ref();
    let mut class = String::new();
    let mut imports: Vec<&str> = Vec::new();
    let mut table = String::new();
    let mut entries = Vec::new();
    let (required, optional): (Vec<&Arg>, Vec<&Arg>) = fields.iter().partition(|field| field.is_required());
    for field in required.into_iter().chain(optional) {
        let python = names::python(field.name);
        let base = types::base(schema, &field.ty);
        if types::named(base) == base {
            imports.push(base);
        }
        let annotation = types::annotation(schema, &field.ty, None);
        let word = types::word(schema, field);
        if field.is_required() {
            let _ = writeln!(class, "    {python}: {annotation}");
            let _ =
                writeln!(table, "        ({}, {}, {}),", quoted(&python), quoted(field.name), quoted(&word));
        } else {
            let default = literal::python(field.default_text.unwrap_or("null"), base)?;
            let _ = writeln!(class, "    {python}: {annotation} | None = {default}");
            let _ = writeln!(
                table,
                "        ({}, {}, {}, {default}),",
                quoted(&python),
                quoted(field.name),
                quoted(&word)
            );
        }
        let mut text = field.doc.to_string();
        if let Some(reason) = field.experimental {
            text.push_str(&format!(" Experimental: {}.", reason.trim_end_matches('.')));
        }
        if let Some(reason) = field.deprecated {
            text.push_str(&format!(" Deprecated: {}.", reason.trim_end_matches('.')));
        }
        entries.push((python, text));
    }
    imports.sort_unstable();
    imports.dedup();
    let mut lines: Vec<String> = imports
        .iter()
        .map(|name| format!("from dagger._gen.{} import {name}\n", names::snake(name)))
        .collect();
    lines.push("from dagger._types import Input\n".to_owned());
    lines.sort();
    let mut doc = Docstring::new(4, &def.doc);
    doc.section("Attributes", &entries);
    if let Some(lines) = example::of(schema, examples, def, Flavour::Async) {
        doc.example(&lines);
    }
    Ok(format!(
        "\"\"\"The input `{name}`. {HEADER}\"\"\"\n\nfrom __future__ import annotations\n\n\
         import dataclasses\nfrom typing import ClassVar\n\n{}\n\n@dataclasses.dataclass(slots=True)\n\
         class {name}(Input):\n{}\n{class}\n    _fields: ClassVar[tuple[tuple[object, ...], ...]] = (\n{table}    )\n",
        lines.concat(),
        doc.finish()
    ))
}

/// Without empty lines at the end.
fn trimmed(text: String) -> String {
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use kukri_api::schema::{Type, TypeKind};
    use kukri_api::{Schema, View};
    use kukri_engine::{ArgValue, Registry};

    use super::*;

    fn arg(schema: &Schema, name: &'static str, of: &str, default: Option<&'static str>) -> Arg {
        let named = Type::Named(schema.find(of).unwrap());
        Arg {
            name,
            doc: format!("The {name}.").into(),
            ty: if default.is_none() { Type::NonNull(Box::new(named)) } else { named },
            default_text: default,
            default: ArgValue::Null,
            expected_type: None,
            deprecated: None,
            experimental: None,
            sensitive: false,
        }
    }

    #[test]
    fn inputs() {
        let schema = Schema::build(&Registry::core(), &View::DEFAULT);
        let fields = vec![
            arg(&schema, "isOpen", "Boolean", Some("false")),
            arg(&schema, "backendPort", "Int", None),
            arg(&schema, "protocol", "NetworkProtocol", Some("TCP")),
        ];
        let def = TypeDef { name: "Rule".into(), doc: "A rule.".into(), kind: TypeKind::Input(Vec::new()) };
        let text = input(&schema, &Examples::new(), &def, &fields).unwrap();
        for line in [
            "from dagger._gen.network_protocol import NetworkProtocol\n",
            "@dataclasses.dataclass(slots=True)\nclass Rule(Input):\n",
            "    backend_port: int\n    is_open: bool | None = False\n    \
             protocol: NetworkProtocol | None = NetworkProtocol.TCP\n",
            "        (\"backend_port\", \"backendPort\", \"Int\"),\n        (\"is_open\", \"isOpen\", \"Boolean\", False),\n",
            "        (\"protocol\", \"protocol\", \"%NetworkProtocol\", NetworkProtocol.TCP),\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
