//! The packages' tables of names.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::literal::quoted;
use super::HEADER;

/// Checkers do not see it: they would believe that any name exists.
const GETATTR: &str = r#"if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        module = MODULES.get(name)
        if module is None:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module

        value = getattr(import_module(f"dagger.{module}"), name)
        globals()[name] = value
        return value
"#;

/// Names of a package, each with its module.
#[derive(Default)]
pub struct Names {
    modules: BTreeMap<String, String>,
}

impl Names {
    /// A name, and the module in which it is.
    pub fn add(&mut self, name: &str, module: &str) {
        self.modules.insert(name.to_owned(), module.to_owned());
    }

    /// The package's `__init__.py`.
    pub fn package(&self, package: &str, what: &str) -> String {
        let inside = package.trim_start_matches("dagger.");
        let mut imports = String::new();
        let mut table = String::new();
        let mut all = String::new();
        let mut sorted: Vec<(&String, &String)> = self.modules.iter().collect();
        sorted.sort_by_key(|(name, module)| (*module, *name));
        for (name, module) in sorted {
            let _ = writeln!(imports, "    from {package}.{module} import {name} as {name}");
        }
        for (name, module) in &self.modules {
            let _ = writeln!(table, "    {}: {},", quoted(name), quoted(&format!("{inside}.{module}")));
            let _ = writeln!(all, "    {},", quoted(name));
        }
        format!(
            "\"\"\"The types of the API, {what}. {HEADER}\"\"\"\n\nTYPE_CHECKING = False\nif TYPE_CHECKING:\n\
             {imports}\nMODULES = {{\n{table}}}\n\"\"\"Below `dagger`, the module of each name.\"\"\"\n\n\
             __all__ = [\n{all}]\n\n{GETATTR}"
        )
    }
}
