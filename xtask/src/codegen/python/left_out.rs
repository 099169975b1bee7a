//! What of the API is not served, by name: for messages that say more than that there is no such name.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::literal::quoted;
use super::super::names;
use super::HEADER;
use crate::coverage::Report;

/// The module.
pub fn module(coverage: &Report) -> String {
    let mut types = String::new();
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    for (kind, name, group) in coverage.missing() {
        match name.split_once('.') {
            Some((owner, field)) if kind == "field" => {
                let python = quoted(&names::python(field));
                let _ = writeln!(fields.entry(owner).or_default(), "        {python}: {},", quoted(group));
            }
            None => {
                let _ = writeln!(types, "    {}: {},", quoted(name), quoted(group));
            }
            Some(_) => {}
        }
    }
    let fields: String =
        fields.iter().map(|(owner, lines)| format!("    {}: {{\n{lines}    }},\n", quoted(owner))).collect();
    format!(
        "\"\"\"What of the API this engine does not serve, and what it belongs to. {HEADER}\"\"\"\n\n\
         TYPES = {{\n{types}}}\n\"\"\"By type.\"\"\"\n\nFIELDS = {{\n{fields}}}\n\"\"\"By method of a type.\"\"\"\n"
    )
}
