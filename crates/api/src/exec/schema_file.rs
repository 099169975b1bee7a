//! `__schemaJSONFile`: introspection as a file, for generators of clients that run in a container.

use std::collections::HashSet;
use std::sync::Arc;

use kukri_engine::{ArgValue, Args, Call};
use serde_json::Value as Json;

use super::Execution;
use crate::coerce::Variables;
use crate::document;

/// What the file has: everything that introspection can say, directives included.
const QUERY: &str = include_str!("schema_file.graphql");

/// Name of the file.
const NAME: &str = "schema.json";

impl Execution<'_> {
    /// The call that makes the file.
    pub(super) fn schema_file(&self, args: &Args) -> Result<Arc<Call>, String> {
        let make = self.engine.registry().operation("Query", "file");
        let make = make.ok_or("this engine cannot make files")?;
        let hidden: HashSet<&str> = match args.first() {
            Some((_, ArgValue::List(names))) => names
                .iter()
                .filter_map(|name| match name {
                    ArgValue::String(name) => Some(&**name),
                    _ => None,
                })
                .collect(),
            _ => HashSet::new(),
        };
        let document = document::parse(QUERY).map_err(|error| error.message)?;
        let described = Execution { document: &document, variables: &Variables::new(), ..*self }
            .describe(document.operations()[0].selections)
            .map_err(|error| error.message)?;
        let mut answer: Json = serde_json::from_slice(&described).map_err(|error| error.to_string())?;
        let mut content = answer["data"].take();
        if !hidden.is_empty() {
            hide(&mut content["__schema"], &hidden);
        }
        let args: Args = vec![
            ("name", ArgValue::String(NAME.into())),
            ("contents", ArgValue::String(content.to_string().into())),
        ];
        Ok(self.engine.step(self.session, self.engine.root(), make, args))
    }
}

/// The name at the bottom of a type.
fn base(ty: &Json) -> &str {
    let mut ty = ty;
    while !ty["ofType"].is_null() {
        ty = &ty["ofType"];
    }
    ty["name"].as_str().unwrap_or_default()
}

/// Takes types away, and all that mentions them.
fn hide(schema: &mut Json, hidden: &HashSet<&str>) {
    let keep_named = |list: &mut Json| {
        if let Json::Array(list) = list {
            list.retain(|ty| !hidden.contains(ty["name"].as_str().unwrap_or_default()));
        }
    };
    keep_named(&mut schema["types"]);
    let Json::Array(types) = &mut schema["types"] else { return };
    for def in types {
        keep_named(&mut def["interfaces"]);
        keep_named(&mut def["possibleTypes"]);
        if let Json::Array(fields) = &mut def["fields"] {
            fields.retain(|field| {
                let mut args = field["args"].as_array().into_iter().flatten();
                !hidden.contains(base(&field["type"])) && !args.any(|arg| hidden.contains(base(&arg["type"])))
            });
        }
        if let Json::Array(fields) = &mut def["inputFields"] {
            fields.retain(|field| !hidden.contains(base(&field["type"])));
        }
    }
}
