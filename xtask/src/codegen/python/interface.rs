//! Interfaces, as protocols.

use kukri_api::Schema;
use kukri_api::schema::{Composite, TypeDef};

use super::super::names;
use super::docs::Docstring;
use super::{Flavour, HEADER, types};

/// The module of an interface.
pub fn module(
    schema: &Schema,
    def: &TypeDef,
    composite: &Composite,
    flavour: Flavour,
) -> Result<String, String> {
    let name = def.name.as_ref();
    let mut methods = String::new();
    let mut with_self = false;
    for field in composite.fields.values() {
        let mut args = String::new();
        let mut entries = Vec::new();
        for arg in &field.args {
            if !arg.is_required() {
                return Err(format!(
                    "{name}.{}: the generator knows no optional arguments of interfaces",
                    field.name
                ));
            }
            let python = names::python(arg.name);
            args.push_str(&format!(
                ", {python}: {}",
                types::annotation(schema, &arg.ty, arg.expected_type.as_deref())
            ));
            entries.push((python, arg.doc.to_string()));
        }
        let mut doc = Docstring::new(8, &field.doc);
        doc.section("Args", &entries);
        let gives = if field.name == "sync" {
            with_self = true;
            "Self".to_owned()
        } else {
            types::annotation(schema, &field.ty, None)
        };
        methods.push_str(&format!(
            "\n    {} {}(self{args}) -> {gives}:\n{}        ...\n",
            flavour.def(),
            names::python(&field.name),
            doc.finish()
        ));
    }
    let typing = if with_self { "TYPE_CHECKING, Protocol" } else { "Protocol" };
    let own = if with_self { "if TYPE_CHECKING:\n    from typing_extensions import Self\n\n" } else { "" };
    Ok(format!(
        "\"\"\"The interface `{name}`. {HEADER}\"\"\"\n\nfrom __future__ import annotations\n\n\
         from typing import {typing}, runtime_checkable\n\n{own}\n@runtime_checkable\nclass {name}(Protocol):\n{}{methods}",
        Docstring::new(4, &def.doc).finish()
    ))
}
