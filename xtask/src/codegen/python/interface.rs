//! Interfaces, as protocols; and as classes for objects of which only the interface is known.

use kukri_api::Schema;
use kukri_api::schema::{Arg, Composite, Field, TypeDef};

use super::super::examples::Examples;
use super::super::literal::quoted;
use super::super::names;
use super::docs::Docstring;
use super::example::described;
use super::{Flavour, HEADER, types};

/// The module of an interface.
pub fn module(
    schema: &Schema,
    examples: &Examples,
    def: &TypeDef,
    composite: &Composite,
    flavour: Flavour,
) -> Result<String, String> {
    let name = def.name.as_ref();
    let mut methods = String::new();
    let mut own_methods = String::new();
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
        let raises =
            [("QueryError", "The engine reports an error."), ("TransportError", "The session broke off.")];
        doc.section("Raises", &raises.map(|(name, text)| (name.to_owned(), text.to_owned())));
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
        own_methods.push_str(&format!(
            "\n{}    {} {}(self{args}) -> {gives}:\n        return {}{}\n",
            flavour.decorator(),
            flavour.def(),
            names::python(&field.name),
            flavour.wait(),
            own_call(schema, field)
        ));
    }
    let typing = if with_self { "TYPE_CHECKING, Protocol" } else { "Protocol" };
    let own = if with_self { "if TYPE_CHECKING:\n    from typing_extensions import Self\n\n" } else { "" };
    let base = flavour.base();
    let awaited = if flavour == Flavour::Async { "from dagger._coroutine import awaited\n" } else { "" };
    let mut all = vec![quoted(name)];
    all.extend((name != "Node").then(|| quoted("Node")));
    let all = if all.len() == 1 { format!("{},", all[0]) } else { all.join(", ") };
    Ok(format!(
        "\"\"\"The interface `{name}`. {HEADER}\"\"\"\n\nfrom __future__ import annotations\n\n\
         from typing import {typing}, runtime_checkable\n\n{awaited}from dagger._object import {base}\n\n{own}\n\
         @runtime_checkable\nclass {name}(Protocol):\n{}{methods}\n\n\
         class _{name}Client({base}):\n    \"\"\"An object of which only the interface is known: `{name}`.\"\"\"\n\n    \
         __slots__ = ()\n\n    _type = {}\n    _names = ({all})\n{own_methods}",
        described(4, schema, examples, def, flavour).finish(),
        quoted(name)
    ))
}

/// The call of a method of the class.
fn own_call(schema: &Schema, field: &Field) -> String {
    match field.name.as_ref() {
        "id" => return "self._identity()".to_owned(),
        "sync" => return "self._computed(type(self), \"sync\")".to_owned(),
        _ => {}
    }
    let arg = |arg: &Arg| {
        let word = quoted(&types::word(schema, arg));
        format!(", ({}, {}, {word})", quoted(arg.name), names::python(arg.name))
    };
    let args: String = field.args.iter().map(arg).collect();
    format!("self._value({}, {}{args})", types::converter(schema, &field.ty), quoted(&field.name))
}
