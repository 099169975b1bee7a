//! The statuses with which commands end: the one table from which the reference is made.

/// Why a command ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something went wrong that has no status of its own.
    Failed,
    /// The command line or a setting is wrong.
    Usage,
    /// The program of `kukri run` could not be started.
    CannotRun,
    /// The program of `kukri run` does not exist.
    NotFound,
    /// A signal ended the command, in order.
    Interrupted(Signal),
    /// Nobody reads standard output any more.
    NobodyReads,
    /// What a command in a container, or the program of `kukri run`, ended with; never 0.
    PassedOn(u8),
}

/// Signals that end a command in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT`: Ctrl-C.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
}

/// By which name the command was called, and so whose statuses it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `kukri`.
    Kukri,
    /// `dagger`.
    Dagger,
}

impl Dialect {
    /// By the name of the program, which is the first word of the command line. SDKs call the original `dagger-0.21.8`.
    #[must_use]
    pub fn of(program: Option<std::ffi::OsString>) -> Self {
        let program = program.map(std::path::PathBuf::from).unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        if name == "dagger" || name.starts_with("dagger-") { Self::Dagger } else { Self::Kukri }
    }

    /// The name to use in texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kukri => "kukri",
            Self::Dagger => "dagger",
        }
    }
}

impl Status {
    /// The number.
    #[must_use]
    pub const fn number(self, dialect: Dialect) -> u8 {
        match (self, dialect) {
            (Self::Failed, _) | (Self::Usage, Dialect::Dagger) | (Self::PassedOn(0), _) => 1,
            (Self::Usage, Dialect::Kukri) | (Self::Interrupted(_), Dialect::Dagger) => 2,
            (Self::CannotRun, _) => 126,
            (Self::NotFound, _) => 127,
            (Self::Interrupted(Signal::Interrupt), Dialect::Kukri) => 130,
            // As if SIGPIPE had ended it, which it does to most programs.
            (Self::NobodyReads, _) => 141,
            (Self::Interrupted(Signal::Terminate), Dialect::Kukri) => 143,
            (Self::PassedOn(code), _) => code,
        }
    }

    /// What another process ended with, as shells say it: its status, or 128 and the signal.
    #[must_use]
    pub fn of_process(code: Option<i32>, signal: Option<i32>) -> Self {
        let number = code.or_else(|| signal.map(|signal| 128 + signal)).unwrap_or(1);
        Self::PassedOn(u8::try_from(number).unwrap_or(1))
    }
}

/// All statuses: number, the same where the command is called as `dagger`, and when.
pub const TABLE: &[(&str, &str, &str)] = &[
    (
        "0",
        "0",
        "All that was asked for is done. `kukri session`, `kukri listen` and `kukri engine` also end so when they are asked to end",
    ),
    (
        "1",
        "1",
        "It failed: the error is on standard error. Also: `engine status` and `engine stop` where no engine runs, `doctor` where something is \
         missing, `cache verify` where something is damaged, `cache why` where no such step is known, any command whose page (`--trace`) cannot be written",
    ),
    (
        "2",
        "1",
        "The command line is wrong, or names no command, or a setting that the command reads is wrong: the value of a flag or a variable \
         means nothing, cannot be the path of a socket, or names a file to read or a directory to work in that is not there. Nothing was \
         started",
    ),
    ("126", "126", "`run`: the program cannot be started"),
    ("127", "127", "`run`: there is no such program"),
    ("130", "2", "Interrupted by SIGINT (Ctrl-C); what ran is cancelled"),
    (
        "141",
        "141",
        "Nobody reads standard output any more, as behind `| head -1`: as if SIGPIPE had ended it, without an error",
    ),
    ("143", "2", "Ended by SIGTERM; what ran is cancelled"),
    ("128 + n", "128 + n", "`run`: signal n ended the program"),
    (
        "any other",
        "any other",
        "The status of what ran: the program of `run`, or the command in a container because of which `query` or `core` \
         failed",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Status] = &[
        Status::Failed,
        Status::Usage,
        Status::CannotRun,
        Status::NotFound,
        Status::Interrupted(Signal::Interrupt),
        Status::Interrupted(Signal::Terminate),
        Status::NobodyReads,
        Status::PassedOn(0),
        Status::PassedOn(42),
    ];

    #[test]
    fn no_failure_is_a_success() {
        for status in ALL {
            for dialect in [Dialect::Kukri, Dialect::Dagger] {
                assert_ne!(status.number(dialect), 0, "{status:?}");
            }
        }
    }

    #[test]
    fn the_table_has_the_numbers() {
        for status in ALL.iter().filter(|status| !matches!(status, Status::PassedOn(_))) {
            let (own, other) = (status.number(Dialect::Kukri), status.number(Dialect::Dagger));
            let found = TABLE.iter().any(|(a, b, _)| *a == own.to_string() && *b == other.to_string());
            assert!(found, "{status:?} is not in the table");
        }
    }

    #[test]
    fn names() {
        for (name, dialect) in [
            ("dagger", Dialect::Dagger),
            ("/usr/local/bin/dagger", Dialect::Dagger),
            ("/home/x/.cache/dagger/dagger-0.21.8", Dialect::Dagger),
            ("kukri", Dialect::Kukri),
            ("/opt/dagger/kukri", Dialect::Kukri),
            ("", Dialect::Kukri),
        ] {
            assert_eq!(Dialect::of(Some(name.into())), dialect, "{name}");
        }
    }

    #[test]
    fn processes() {
        assert_eq!(Status::of_process(Some(3), None), Status::PassedOn(3));
        assert_eq!(Status::of_process(None, Some(9)), Status::PassedOn(137));
        assert_eq!(Status::of_process(Some(0), None).number(Dialect::Kukri), 1);
    }
}
