//! A health check, as images describe it.

use kukri_model::schema::ObjectDef;
use kukri_oci::image::Healthcheck;

use super::duration;
use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "HealthcheckConfig",
    doc: "How to find out whether a container is healthy, in Docker's terms.",
    interfaces: &[],
};

/// A health check. There is always a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthcheckConfig {
    /// The command; of a shell, its only element.
    pub args: Vec<String>,
    /// Whether the command is run by a shell.
    pub shell: bool,
    /// The check as the image has it.
    pub check: Healthcheck,
}

impl ObjectType for HealthcheckConfig {
    const NAME: &'static str = "HealthcheckConfig";
}

impl HealthcheckConfig {
    /// What an image says; `None` if that is to check nothing.
    #[must_use]
    pub fn of(check: &Healthcheck) -> Option<Self> {
        let (kind, args) = check.test.split_first()?;
        let shell = match kind.as_str() {
            "CMD" => false,
            "CMD-SHELL" => true,
            _ => return None,
        };
        Some(Self { args: args.to_vec(), shell, check: check.clone() })
    }

    /// A duration of the check as text.
    #[must_use]
    pub fn text(nanoseconds: i64) -> String {
        duration::format(nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(test: &[&str]) -> Option<(Vec<String>, bool)> {
        let check =
            Healthcheck { test: test.iter().map(ToString::to_string).collect(), ..Healthcheck::default() };
        HealthcheckConfig::of(&check).map(|config| (config.args, config.shell))
    }

    #[test]
    fn forms_of_the_command() {
        assert_eq!(of(&["CMD", "a", "b"]), Some((vec!["a".to_owned(), "b".to_owned()], false)));
        assert_eq!(of(&["CMD-SHELL", "a b"]), Some((vec!["a b".to_owned()], true)));
        assert_eq!(of(&["NONE"]), None);
        assert_eq!(of(&[]), None);
    }
}
