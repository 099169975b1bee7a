//! What is part of the API and does not do its work: fields, arguments and members that give an error, those without an
//! effect, and types of which there are no objects. All of it is read off the registry, which makes the errors too.

use std::collections::BTreeSet;

use kukri_engine::Registry;
use kukri_model::schema::{ArgDef, OperationDef};

/// Something that does not do its work: what, and why.
pub type Gap = (String, String);

/// All of them.
#[derive(Default)]
pub struct Gaps {
    /// Fields that only give an error.
    pub fields: Vec<Gap>,
    /// Arguments that take no value but their default.
    pub arguments: Vec<Gap>,
    /// Members of enums that give an error.
    pub members: Vec<Gap>,
    /// Fields with values of arguments that they refuse.
    pub partly: Vec<Gap>,
    /// Fields and arguments without an effect.
    pub no_effect: Vec<Gap>,
    /// Types of which no field that works gives an object.
    pub types: Vec<String>,
}

impl Gaps {
    /// Those of a registry.
    pub fn of(registry: &Registry) -> Self {
        let mut gaps = Self::default();
        let operations = || registry.objects.values().flat_map(|object| object.fields.values());
        for def in operations().map(|operation| operation.def) {
            let place = format!("{}.{}", def.on, def.name);
            if let Some(why) = def.unavailable {
                gaps.fields.push((place, why.to_owned()));
                continue;
            }
            if let Some(partly) = def.partly {
                gaps.partly.push((place.clone(), format!("{}: {}", partly.what, partly.why)));
            }
            if let Some(why) = def.no_effect {
                gaps.no_effect.push((place.clone(), why.to_owned()));
            }
            gaps.add_arguments(&place, def.args);
        }
        for input in registry.inputs.values() {
            gaps.add_arguments(input.name, input.fields);
        }
        for def in registry.enums.values() {
            for value in def.values {
                if let Some(why) = value.unavailable {
                    gaps.members.push((format!("{}.{}", def.name, value.name), why.to_owned()));
                }
            }
        }
        let made = made(operations().map(|operation| operation.def));
        gaps.types =
            registry.objects.keys().filter(|name| !made.contains(*name)).map(|&n| n.to_owned()).collect();
        gaps
    }

    fn add_arguments(&mut self, place: &str, args: &[ArgDef]) {
        for arg in args {
            let (of, why) = match (arg.unavailable, arg.no_effect) {
                (Some(why), _) => (&mut self.arguments, why),
                (None, Some(why)) => (&mut self.no_effect, why),
                (None, None) => continue,
            };
            of.push((format!("{place}({})", arg.name), why.to_owned()));
        }
    }

    /// A gap a line, with a word for its kind: for tests in other languages.
    pub fn lines(&self) -> String {
        let kinds = [
            ("field", &self.fields),
            ("argument", &self.arguments),
            ("member", &self.members),
            ("partly", &self.partly),
            ("no effect", &self.no_effect),
        ];
        kinds
            .into_iter()
            .flat_map(|(kind, gaps)| gaps.iter().map(move |(what, why)| format!("{kind} | {what} | {why}\n")))
            .collect()
    }
}

/// The types of which fields that work give objects, on objects which can be had.
fn made<'a>(operations: impl Iterator<Item = &'a OperationDef>) -> BTreeSet<&'static str> {
    let works: Vec<&OperationDef> = operations.filter(|def| def.unavailable.is_none()).collect();
    let mut made = BTreeSet::from(["Query"]);
    loop {
        let before = made.len();
        for def in &works {
            if made.contains(def.on) {
                made.insert(def.returns.base());
            }
        }
        if made.len() == before {
            return made;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found() {
        let gaps = Gaps::of(&Registry::core());
        let has = |list: &[Gap], what: &str| list.iter().any(|(known, why)| known == what && why.len() > 10);
        assert!(has(&gaps.fields, "Container.withServiceBinding"));
        assert!(has(&gaps.arguments, "Container.withExec(experimentalPrivilegedNesting)"));
        assert!(has(&gaps.members, "ImageLayerCompression.ESTARGZ"));
        assert!(has(&gaps.partly, "Address.directory"));
        assert!(has(&gaps.no_effect, "Container.withoutUnixSocket"));
        assert!(has(&gaps.no_effect, "EngineCache.entrySet(key)"));
        assert!(gaps.types.contains(&"Service".to_owned()) && !gaps.types.contains(&"Stat".to_owned()));
        // Arguments of what does not work at all are not told one by one.
        assert!(!gaps.arguments.iter().any(|(what, _)| what.starts_with("Container.asService")));
    }
}
