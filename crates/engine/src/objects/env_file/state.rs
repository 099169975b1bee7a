//! Environment files: variables as they are written, in order.

use std::collections::HashMap;
use std::sync::Arc;

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "EnvFile",
    doc: "Variables, as in a file called `.env`.\n\nA value may have quotes and references to other variables (`$NAME`, `${NAME}`, \
          `${NAME:-default}`), to those of the client's environment too; single quotes keep a reference from being \
          replaced. All this is looked at when a value is asked for.",
    interfaces: &[],
};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// An assignment.
    Variable {
        /// Its name.
        name: Arc<str>,
        /// Its value as it is written.
        raw: Arc<str>,
    },
    /// A comment or an empty line.
    Other(Arc<str>),
}

/// An environment file.
#[derive(Clone, Debug, Default)]
pub struct EnvFile {
    /// Its lines, in order.
    pub lines: Arc<Vec<Line>>,
    /// Variables that values may refer to, but that are not its own: what was around a namespace.
    pub context: Arc<Vec<(Arc<str>, Arc<str>)>>,
}

impl ObjectType for EnvFile {
    const NAME: &'static str = "EnvFile";
}

impl EnvFile {
    /// Names and values as they are written, in the order in which the names first occur. The last of several values
    /// counts.
    #[must_use]
    pub fn variables(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let mut found: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for line in self.lines.iter() {
            let Line::Variable { name, raw } = line else { continue };
            match places.get(&**name) {
                Some(place) => found[*place].1 = Arc::clone(raw),
                None => {
                    places.insert(name, found.len());
                    found.push((Arc::clone(name), Arc::clone(raw)));
                }
            }
        }
        found
    }

    /// The value of a variable as it is written.
    #[must_use]
    pub fn raw(&self, wanted: &str) -> Option<Arc<str>> {
        self.lines.iter().rev().find_map(|line| match line {
            Line::Variable { name, raw } if **name == *wanted => Some(Arc::clone(raw)),
            _ => None,
        })
    }

    /// Without a variable.
    #[must_use]
    pub fn without(&self, unwanted: &str) -> Self {
        let mut next = self.clone();
        Arc::make_mut(&mut next.lines)
            .retain(|line| !matches!(line, Line::Variable { name, .. } if **name == *unwanted));
        next
    }

    /// With a variable, in place of one of that name.
    #[must_use]
    pub fn with(&self, name: &str, raw: &str) -> Self {
        let mut next = self.without(name);
        Arc::make_mut(&mut next.lines).push(Line::Variable { name: name.into(), raw: raw.into() });
        next
    }

    /// Only the variables whose names start with a prefix, and without it. How names separate words (`my-app`, `MY_APP`,
    /// `myApp`) does not matter.
    #[must_use]
    pub fn namespace(&self, prefix: &str) -> Self {
        let variables = self.variables();
        let lines = variables.iter().filter_map(|(name, raw)| {
            Some(Line::Variable { name: after_prefix(name, prefix)?.into(), raw: Arc::clone(raw) })
        });
        let lines = Arc::new(lines.collect());
        let context = self.context.iter().chain(&variables).cloned().collect();
        Self { lines, context: Arc::new(context) }
    }
}

/// The rest of a name after a prefix and `_`.
fn after_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let separator = |c: &char| matches!(c, '_' | '-');
    let mut wanted = prefix.chars().filter(|c| !separator(c)).flat_map(char::to_lowercase).peekable();
    if wanted.peek().is_none() {
        return Some(name);
    }
    let mut rest = name.char_indices();
    while wanted.peek().is_some() {
        let (_, c) = rest.by_ref().find(|(_, c)| !separator(c))?;
        for c in c.to_lowercase() {
            if wanted.next() != Some(c) {
                return None;
            }
        }
    }
    let (at, c) = rest.next()?;
    (separator(&c) && at + 1 < name.len()).then(|| &name[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (name, prefix, expected) in [
            ("animal_name", "animal", Some("name")),
            ("animal_name", "animal_", Some("name")),
            ("ANIMAL_name", "animal", Some("name")),
            ("my_app_token", "my_app", Some("token")),
            ("my_app_token", "my-app", Some("token")),
            ("myApp_name", "my-app", Some("name")),
            ("MY_aPp_URL", "my-app", Some("URL")),
            ("MY_APP_TOKEN", "MY_APP_", Some("TOKEN")),
            ("animalia_x", "animal", None),
            ("animal", "animal", None),
            ("animal_", "animal", None),
            ("foo", "animal", None),
            ("x", "", Some("x")),
        ] {
            assert_eq!(after_prefix(name, prefix), expected, "{name} {prefix}");
        }
    }

    #[test]
    fn the_last_value_counts() {
        let file = EnvFile::default().with("A", "1").with("B", "2").with("A", "3");
        let names: Vec<String> = file.variables().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!((names.join(","), file.raw("A").as_deref()), ("B,A".to_owned(), Some("3")));
        assert_eq!(file.without("A").raw("A"), None);
    }
}
