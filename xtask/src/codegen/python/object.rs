//! Object types, as classes: one method per operation.

use std::collections::BTreeSet;
use std::fmt::Write;

use kukri_api::Schema;
use kukri_api::schema::{Arg, Composite, Field, Resolve, TypeDef, TypeKind, is_hidden};

use super::super::examples::Examples;
use super::super::literal::{self, quoted};
use super::super::names::{self, snake};
use super::docs::Docstring;
use super::example::described;
use super::signature::{self, Gives};
use super::{BUILT_IN, Flavour, HEADER, types};

/// A class under construction.
struct Class<'a> {
    schema: &'a Schema,
    examples: &'a Examples,
    name: &'a str,
    flavour: Flavour,
    /// Names needed when the module runs.
    runtime: BTreeSet<String>,
    /// Names needed by annotations only.
    typing: BTreeSet<String>,
    /// Functions needed from `dagger._query.decode`.
    decode: BTreeSet<&'static str>,
    /// Whether a method is awaited.
    awaited: bool,
    warns: bool,
}

/// The module of an object type.
pub fn module(
    schema: &Schema,
    examples: &Examples,
    def: &TypeDef,
    composite: &Composite,
    flavour: Flavour,
) -> Result<String, String> {
    let name = def.name.as_ref();
    let mut class = Class {
        schema,
        examples,
        name,
        flavour,
        runtime: BTreeSet::new(),
        typing: BTreeSet::new(),
        decode: BTreeSet::new(),
        awaited: false,
        warns: false,
    };
    let mut methods: Vec<(String, String)> = Vec::new();
    let mut chains = false;
    for field in composite.fields.values() {
        if is_hidden(&field.name) || matches!(field.resolve, Resolve::Load | Resolve::Meta) {
            continue;
        }
        let python = names::python(&field.name);
        chains |= matches!(Gives::of(schema, name, field)?, Gives::Object(kind) if kind == name);
        methods.push((python.clone(), class.method(&python, field)?));
    }
    if name == "Query" {
        methods.extend(loaders(&mut class));
    }
    if chains {
        class.typing.insert("Callable".to_owned());
        methods.push(("with_".to_owned(), with(name)));
    }
    methods.sort();
    if flavour == Flavour::Async && composite.fields.contains_key("sync") {
        class.typing.insert("Generator".to_owned());
        methods.push(("__await__".to_owned(), awaiting(name)));
    }
    let mut all = vec![quoted(name)];
    all.extend(composite.interfaces.iter().map(|ix| quoted(&schema.get(*ix).name)));
    Ok(format!(
        "\"\"\"The type `{name}`{}. {HEADER}\"\"\"\n\nfrom __future__ import annotations\n\n{}\n\n__tracebackhide__ = True\n\n\nclass {name}({}):\n{}\n    \
         __slots__ = ()\n\n    _type = {}\n    _names = ({})\n{}",
        if flavour == Flavour::Sync { ", without `async`" } else { "" },
        class.imports(),
        flavour.base(),
        described(4, schema, examples, def, flavour).finish(),
        quoted(name),
        if all.len() == 1 { format!("{},", all[0]) } else { all.join(", ") },
        methods.into_iter().map(|(_, text)| text).collect::<String>()
    ))
}

impl<'a> Class<'a> {
    fn method(&mut self, python: &str, field: &'a Field) -> Result<String, String> {
        let gives = Gives::of(self.schema, self.name, field)?;
        let place = format!("{}.{}", self.name, field.name);
        let (signature, call) = self.arguments(field, &place)?;
        let annotation = gives.annotation(self.schema, self.name, field);
        let lazy = matches!(gives, Gives::Object(_));
        let def = if lazy { "def" } else { self.flavour.def() };
        let decorator = if lazy { "" } else { self.flavour.decorator() };
        self.awaited |= !decorator.is_empty();
        let mut out = format!("\n{decorator}    {def} {python}({signature}) -> {annotation}:\n");
        out.push_str(&self.doc(field, &gives));
        if let Some(reason) = field.deprecated {
            self.warns = true;
            let text = format!("{}.{python} is deprecated: {}", self.name, names::in_text(reason));
            let _ = writeln!(
                out,
                "        warnings.warn(\n            {},\n            DeprecationWarning,\n            stacklevel=2,\n        )",
                quoted(&text)
            );
        }
        let (kind, function) = match gives {
            Gives::Object(kind) => (kind.to_owned(), "_new"),
            Gives::Objects(kind) => (kind.to_owned(), "_objects"),
            Gives::Computed(kind) => (kind.to_owned(), "_computed"),
            Gives::Identity => (String::new(), ""),
            Gives::Nothing => ("nothing".to_owned(), "_maybe"),
            Gives::Maybe => (self.converter(field), "_maybe"),
            Gives::Value => (self.converter(field), "_value"),
        };
        match gives {
            Gives::Object(kind) | Gives::Objects(kind) | Gives::Computed(kind) if kind != self.name => {
                self.typing.insert(kind.to_owned());
                let _ =
                    writeln!(out, "        from {}.{} import {kind}\n", self.flavour.package(), snake(kind));
            }
            Gives::Nothing => {
                self.decode.insert("nothing");
            }
            Gives::Identity if self.name != "Query" => {
                self.runtime.insert(format!("{}ID", self.name));
                let _ =
                    writeln!(out, "        return {}ID({}self._identity())", self.name, self.flavour.wait());
                return Ok(out);
            }
            Gives::Identity => {
                let _ = writeln!(out, "        return {}self._identity()", self.flavour.wait());
                return Ok(out);
            }
            _ => {}
        }
        let give = if matches!(gives, Gives::Nothing) { "" } else { "return " };
        let wait = if lazy { "" } else { self.flavour.wait() };
        let name = quoted(&field.name);
        if call.is_empty() {
            let _ = writeln!(out, "        {give}{wait}self.{function}({kind}, {name})");
        } else {
            let _ = writeln!(
                out,
                "        {give}{wait}self.{function}(\n            {kind},\n            {name},\n{call}        )"
            );
        }
        Ok(out)
    }

    /// The signature, and the lines of the call that pass the arguments on.
    fn arguments(&mut self, field: &Field, place: &str) -> Result<(String, String), String> {
        if field.args.is_empty() {
            return Ok(("self".to_owned(), String::new()));
        }
        let mut signature = "\n        self,\n".to_owned();
        let mut call = String::new();
        let parameters = signature::parameters(self.schema, &field.args);
        for parameter in parameters.map_err(|error| format!("{place}, argument {error}"))? {
            let _ = writeln!(signature, "        {parameter},");
        }
        for arg in &field.args {
            let python = names::python(arg.name);
            let word = quoted(&types::word(self.schema, arg));
            self.needed(arg);
            let default = self.default(arg).map_err(|error| format!("{place}({}): {error}", arg.name))?;
            // Without one, `None` is refused at the call.
            let default = if arg.is_required() { String::new() } else { format!(", {default}") };
            let _ = writeln!(call, "            ({}, {python}, {word}{default}),", quoted(arg.name));
        }
        Ok((format!("{signature}    "), call))
    }

    /// Notes down what the annotation of an argument names.
    fn needed(&mut self, arg: &Arg) {
        let base = types::base(self.schema, &arg.ty);
        let used = arg.expected_type.as_deref().filter(|_| base == "ID").unwrap_or(base);
        if used != self.name && !BUILT_IN.contains(&used) {
            self.typing.insert(used.to_owned());
        }
    }

    fn default(&mut self, arg: &Arg) -> Result<String, String> {
        let base = types::base(self.schema, &arg.ty);
        let text = literal::python(arg.default_text.unwrap_or("null"), base)?;
        if text.starts_with(&format!("{base}.")) {
            self.runtime.insert(base.to_owned());
        }
        Ok(text)
    }

    fn converter(&mut self, field: &Field) -> String {
        let base = types::base(self.schema, &field.ty);
        let text = types::converter(self.schema, &field.ty);
        for function in ["list_of", "member"] {
            if text.contains(&format!("{function}(")) {
                self.decode.insert(function);
            }
        }
        if !BUILT_IN.contains(&base) {
            self.runtime.insert(base.to_owned());
        }
        text
    }

    fn doc(&self, field: &Field, gives: &Gives<'_>) -> String {
        let mut doc = Docstring::new(8, &field.doc);
        if let Some(reason) = field.unavailable {
            doc.paragraph(&format!("Not available in this engine yet: {}", names::in_text(reason)));
        }
        if let Some(reason) = field.experimental {
            doc.paragraph(&format!("Experimental: {reason}"));
        }
        if let Some(reason) = field.deprecated {
            doc.paragraph(&format!("Deprecated: {}", names::in_text(reason)));
        }
        let (required, optional): (Vec<&Arg>, Vec<&Arg>) =
            field.args.iter().partition(|arg| arg.is_required());
        let args: Vec<(String, String)> = required
            .into_iter()
            .chain(optional)
            .map(|arg| {
                let default = match arg.default_text {
                    None | Some("null") => String::new(),
                    // What the literal means is said already.
                    Some(_) if arg.doc.contains("Default: ") => String::new(),
                    Some(text) => format!(" Default: `{}`.", python_default(text)),
                };
                let mut text = format!("{}{default}", arg.doc);
                if let Some(reason) = arg.experimental {
                    text.push_str(&format!(" Experimental: {}.", reason.trim_end_matches('.')));
                }
                if let Some(reason) = arg.deprecated {
                    text.push_str(&format!(" Deprecated: {}.", reason.trim_end_matches('.')));
                }
                (names::python(arg.name), text)
            })
            .collect();
        doc.section("Args", &args);
        let line = |text: &str| (String::new(), text.to_owned());
        let returns = match gives {
            Gives::Maybe => Some("The value, or `None` if there is none."),
            Gives::Computed(_) => Some("The object, computed."),
            _ => None,
        };
        if let Some(text) = returns {
            doc.section("Returns", &[line(text)]);
        }
        if !matches!(gives, Gives::Object(_)) {
            let raises = [
                ("ExecError", "A command on which this depends failed."),
                ("QueryError", "The engine reports another error."),
                ("TransportError", "The session broke off, or the answer took too long."),
            ];
            let raises: Vec<(String, String)> =
                raises.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            doc.section("Raises", if matches!(gives, Gives::Identity) { &raises[1..] } else { &raises });
        }
        let examples = self.examples.get(&format!("{}.{}", self.name, field.name));
        if let Some(example) = examples.and_then(|examples| examples.first()) {
            doc.example(&example.lines(self.flavour == Flavour::Async));
        }
        doc.finish()
    }

    fn imports(&self) -> String {
        let from = |name: &str| match name {
            "Callable" | "Generator" => format!("from collections.abc import {name}"),
            _ => match self.schema.find(name).map(|ix| &self.schema.get(ix).kind) {
                Some(TypeKind::Object(_) | TypeKind::Interface(_)) => {
                    format!("from {}.{} import {name}", self.flavour.package(), snake(name))
                }
                Some(TypeKind::Enum(_) | TypeKind::Input(_)) => {
                    format!("from dagger._gen.{} import {name}", snake(name))
                }
                _ => format!("from dagger._gen.scalars import {name}"),
            },
        };
        let typing = grouped(self.typing.difference(&self.runtime).map(|name| from(name)));
        let mut runtime = grouped(
            self.runtime
                .iter()
                .map(|name| from(name))
                .chain([format!("from dagger._object import {}", self.flavour.base())])
                .chain(self.awaited.then(|| "from dagger._coroutine import awaited".to_owned()))
                .chain(self.decode.iter().map(|name| format!("from dagger._query.decode import {name}"))),
        );
        runtime.sort();
        let mut out = String::new();
        if self.warns {
            out.push_str("import warnings\n");
        }
        if !typing.is_empty() {
            out.push_str("from typing import TYPE_CHECKING\n");
        }
        if !out.is_empty() {
            out.push('\n');
        }
        for line in runtime {
            let _ = writeln!(out, "{line}");
        }
        if !typing.is_empty() {
            out.push_str("\nif TYPE_CHECKING:\n");
            let standard = typing.iter().filter(|line| line.contains("collections")).count();
            let (own, other): (Vec<&String>, Vec<&String>) =
                typing.iter().partition(|line| line.contains(" dagger."));
            for line in other {
                let _ = writeln!(out, "    {line}");
            }
            if standard > 0 && !own.is_empty() {
                out.push('\n');
            }
            for line in own {
                let _ = writeln!(out, "    {line}");
            }
        }
        out
    }
}

/// Longest import on one line; it may be indented.
const SHORT_IMPORT: usize = 106;

/// Imports from the same module together.
fn grouped(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut modules: std::collections::BTreeMap<String, BTreeSet<String>> = std::collections::BTreeMap::new();
    for line in lines {
        if let Some((module, name)) = line.split_once(" import ") {
            modules.entry(module.to_owned()).or_default().insert(name.to_owned());
        }
    }
    modules
        .into_iter()
        .map(|(module, names)| {
            let names: Vec<String> = names.into_iter().collect();
            let line = format!("{module} import {}", names.join(", "));
            if line.len() <= SHORT_IMPORT {
                return line;
            }
            format!("{module} import (\n        {},\n    )", names.join(",\n        "))
        })
        .collect()
}

/// A default in a text: Python's words for those of the API.
fn python_default(text: &str) -> &str {
    match text {
        "true" => "True",
        "false" => "False",
        other => other,
    }
}

/// `load_..._from_id` and `node` of the root.
fn loaders(class: &mut Class<'_>) -> Vec<(String, String)> {
    let mut methods = Vec::new();
    let package = class.flavour.package();
    for (_, def) in class.schema.types() {
        let kind = def.name.as_ref();
        let made = match &def.kind {
            TypeKind::Object(_) if kind != class.name => kind.to_owned(),
            TypeKind::Interface(_) => format!("_{kind}Client"),
            _ => continue,
        };
        if is_hidden(kind) {
            continue;
        }
        class.typing.insert(kind.to_owned());
        let module = snake(kind);
        if kind == "Node" {
            methods.push(("node".to_owned(), node(package, &made)));
            continue;
        }
        let mut doc =
            Docstring::new(8, &format!("The {kind} that has an ID. Nothing is asked or computed yet."));
        doc.section(
            "Args",
            &[(
                "id".to_owned(),
                "What `id()` of such an object gave, in this session or in another.".to_owned(),
            )],
        );
        doc.section("Raises", &[("TypeError".to_owned(), "The ID is no text.".to_owned())]);
        let text = format!(
            "\n    def load_{module}_from_id(self, id: {kind}ID | str) -> {kind}:\n{}        \
             from {package}.{module} import {made}\n\n        return self._load({made}, id)\n",
            doc.finish()
        );
        class.typing.insert(format!("{kind}ID"));
        methods.push((format!("load_{module}_from_id"), text));
    }
    methods
}

/// `node` of the root.
fn node(package: &str, made: &str) -> String {
    let mut doc = Docstring::new(8, "An object of which only the ID is known, and not the type.");
    doc.section("Args", &[("id".to_owned(), "An ID, or an object whose ID is meant.".to_owned())]);
    doc.section("Raises", &[("TypeError".to_owned(), "It is neither.".to_owned())]);
    format!(
        "\n    def node(self, id: Node | str) -> Node:\n{}        from {package}.node import {made}\n\n        \
         if isinstance(id, str):\n            return self._load({made}, id)\n        \
         return self._new({made}, \"node\", (\"id\", id, \"&Node\"))\n",
        doc.finish()
    )
}

fn with(name: &str) -> String {
    format!(
        "\n    def with_(self, cb: Callable[[{name}], {name}]) -> {name}:\n        \"\"\"Calls a function with this object, \
         and goes on with what it gives.\n\n        Args:\n            cb: Takes the object, and gives one; it cannot be `async`.\n\n        \
         Raises:\n            TypeError: It is no function, or gives no object.\n        \"\"\"\n        return self._given(cb)\n"
    )
}

fn awaiting(name: &str) -> String {
    format!(
        "\n    def __await__(self) -> Generator[object, None, {name}]:\n        \"\"\"The same as `sync`.\"\"\"\n        \
         return self.sync().__await__()\n"
    )
}
