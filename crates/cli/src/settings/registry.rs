//! Every environment variable and flag that changes what happens: the one table from which the help, the reference and
//! the manual are made, and with which `cargo xtask tidy` compares the code.

mod client;
mod engine;
mod for_tests;
mod session;
mod system;
mod telemetry;
mod terminal;

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A file or a socket.
    Path,
    /// The name of a program, or a path.
    Program,
    /// Bytes: `512MB`, `10GiB`, `4096`; of the disk also `20%`.
    Size,
    /// A time: `90s`, `15m`, `36h`, `7d`.
    Duration,
    /// A whole number.
    Count,
    /// On or off.
    Switch,
    /// On if it is `true`, as the standard or the service that sets it wants it.
    True,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A text, and how it is written.
    Text(&'static str),
}

impl Kind {
    /// What stands for the value in a usage line.
    #[must_use]
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Dir => "DIR",
            Self::Path => "PATH",
            Self::Program => "PROGRAM",
            Self::Size => "SIZE",
            Self::Duration => "DURATION",
            Self::Count => "COUNT",
            Self::Switch | Self::True => "BOOL",
            Self::Choice(_) => "CHOICE",
            Self::Text(form) => form,
        }
    }
}

/// Who reads it, which is the section of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// `kukri engine`, also when it starts by itself.
    Engine,
    /// Commands that open a session.
    Session,
    /// Commands that open a session, for the OpenTelemetry collector of the user.
    Telemetry,
    /// The command line itself.
    Terminal,
    /// SDKs, and commands that run inside a session.
    Client,
    /// Variables that many programs share.
    System,
    /// Tests of the project.
    Tests,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// Other names of the variable, used where it is not set.
    pub also: &'static [&'static str],
    /// The flag, without dashes; it wins over the variable.
    pub flag: Option<&'static str>,
    /// Who reads it.
    pub reader: Reader,
    /// What a value looks like.
    pub kind: Kind,
    /// What holds without it.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl Setting {
    const fn engine(
        name: &'static str,
        flag: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, also: &[], flag: Some(flag), reader: Reader::Engine, kind, default, doc }
    }

    const fn variable(
        reader: Reader,
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, also: &[], flag: None, reader, kind, default, doc }
    }

    /// The text of the flag's help: what it does, and what holds without it.
    #[must_use]
    pub fn help(&self, default_is_shown: bool) -> String {
        if default_is_shown || self.default.is_empty() || self.kind == Kind::Switch {
            return self.doc.to_owned();
        }
        format!("{} [default: {}]", self.doc, self.default.replace('`', ""))
    }
}

/// All settings, by who reads them, in the order of the reference.
pub const TABLES: &[&[Setting]] = &[
    engine::SETTINGS,
    session::SETTINGS,
    telemetry::SETTINGS,
    client::SETTINGS,
    terminal::SETTINGS,
    system::SETTINGS,
    for_tests::SETTINGS,
];

/// All settings, in the order of the reference.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    TABLES.iter().copied().flatten()
}

/// The setting of a variable.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name || setting.also.contains(&name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each flag of the command line that has a variable, once.
    fn flags(command: &clap::Command, found: &mut BTreeSet<(String, String)>) {
        for arg in command.get_arguments() {
            if let Some(env) = arg.get_env() {
                found.insert((
                    env.to_string_lossy().into_owned(),
                    arg.get_long().unwrap_or_default().to_owned(),
                ));
            }
        }
        command.get_subcommands().for_each(|command| flags(command, found));
    }

    #[test]
    fn the_table_and_the_command_line_agree() {
        let mut found = BTreeSet::new();
        flags(&crate::args::command(crate::exit::Dialect::Kukri), &mut found);
        let listed: BTreeSet<_> =
            all().filter_map(|setting| Some((setting.name.to_owned(), setting.flag?.to_owned()))).collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn defaults_are_those_of_the_flags() {
        fn visit(command: &clap::Command) {
            for arg in command.get_arguments().filter(|arg| !arg.get_default_values().is_empty()) {
                if let Some(setting) = arg.get_env().and_then(|env| find(&env.to_string_lossy()))
                    && setting.kind != Kind::Switch
                {
                    let default = arg.get_default_values()[0].to_string_lossy();
                    assert_eq!(setting.default, format!("`{default}`"), "{}", setting.name);
                }
            }
            command.get_subcommands().for_each(visit);
        }
        visit(&crate::args::command(crate::exit::Dialect::Kukri));
    }

    #[test]
    fn names_are_there_once_and_texts_are_sentences() {
        let mut names = BTreeSet::new();
        for setting in all() {
            assert!(
                std::iter::once(&setting.name).chain(setting.also).all(|name| names.insert(*name)),
                "{}",
                setting.name
            );
            assert!(!setting.doc.ends_with('.') && !setting.doc.is_empty(), "{}", setting.name);
            assert!(!setting.default.is_empty(), "{}", setting.name);
        }
    }
}
