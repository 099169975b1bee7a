//! Every environment variable and flag that changes what happens: the one table from which the help, the reference and
//! the manual are made, and with which `cargo xtask tidy` compares the code.

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
    /// On if set, except to `0`, `false`, `no` or `off`.
    Switch,
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
            Self::Switch => "BOOL",
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
    /// Older names of the variable, used where it is not set.
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

/// A standard variable of OpenTelemetry.
const fn otel(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Setting {
    Setting::variable(Reader::Telemetry, name, kind, default, doc)
}

/// All settings, in the order of the reference.
pub const SETTINGS: &[Setting] = &[
    Setting::engine(
        "KUKRI_ROOT",
        "root",
        Kind::Dir,
        "`/var/lib/kukri` for root; else `$XDG_DATA_HOME/kukri`, or `~/.local/share/kukri`",
        "Directory for everything the engine keeps",
    ),
    Setting::engine(
        "KUKRI_SOCKET",
        "socket",
        Kind::Path,
        "`run/engine.sock` in the root directory",
        "Unix socket on which the engine listens",
    ),
    Setting::engine(
        "KUKRI_IDLE_TIMEOUT",
        "idle-timeout",
        Kind::Duration,
        "`10m`",
        "End when nobody has used the engine for this long; 0 means never",
    ),
    Setting::engine(
        "KUKRI_MAX_SIZE",
        "max-size",
        Kind::Size,
        "half of the disk",
        "Most space the cache may take",
    ),
    Setting::engine(
        "KUKRI_MIN_FREE",
        "min-free",
        Kind::Size,
        "a fifth of the disk",
        "Space to leave free on the disk",
    ),
    Setting::engine(
        "KUKRI_KEEP",
        "keep",
        Kind::Duration,
        "keep them as long as there is room",
        "Drop results that were not used for this long",
    ),
    Setting::engine(
        "KUKRI_PARALLELISM",
        "parallelism",
        Kind::Count,
        "4 for each processor",
        "How many containers may run at the same time",
    ),
    Setting::engine(
        "KUKRI_OCI_RUNTIME",
        "oci-runtime",
        Kind::Program,
        "the engine itself",
        "Let another OCI runtime run containers: crun, runc, or a path",
    ),
    Setting::engine(
        "KUKRI_NETWORK",
        "network",
        Kind::Choice(&["bridge", "host", "none"]),
        "`bridge`",
        "What containers see of the network",
    ),
    Setting::engine(
        "KUKRI_REGISTRY_MIRRORS",
        "registry-mirrors",
        Kind::Text("HOST=URL"),
        "none",
        "Mirrors of registries, as in docker.io=http://mirror:5000; several separated by `;`",
    ),
    Setting::engine(
        "KUKRI_CA_BUNDLE",
        "ca-bundle",
        Kind::Path,
        "`$SSL_CERT_FILE`, else those of the system",
        "PEM file with the certificate authorities that registries and containers trust",
    ),
    Setting::engine(
        "KUKRI_PIDS_MAX",
        "pids-max",
        Kind::Count,
        "8192",
        "Most processes and threads in one exec; 0 means no limit",
    ),
    Setting::engine("KUKRI_MEMORY_MAX", "memory-max", Kind::Size, "no limit", "Most memory of one exec"),
    Setting::engine(
        "KUKRI_CONFIG",
        "config",
        Kind::Path,
        "`/etc/kukri/engine.json`, if there is one",
        "Settings file; one that is named must exist",
    ),
    Setting::variable(
        Reader::Engine,
        "KUKRI_LOG",
        Kind::Text("FILTER"),
        "`info`",
        "What the engine writes to its log: error, warn, info, debug, or a filter such as info,kukri_oci=debug",
    ),
    Setting {
        name: "DAGGER_WORKDIR",
        also: &[],
        flag: Some("workdir"),
        reader: Reader::Session,
        kind: Kind::Dir,
        default: "the present one",
        doc: "Directory that the pipeline's relative paths count from",
    },
    Setting {
        name: "KUKRI_PROGRESS",
        also: &["DAGGER_PROGRESS"],
        flag: Some("progress"),
        reader: Reader::Session,
        kind: Kind::Choice(&["auto", "tty", "plain", "json", "dots", "logs", "report", "none"]),
        default: "`auto`",
        doc: "How progress is shown on standard error: a live picture (tty), lines (plain), a JSON object for each event, \
              one character for each step and failures at the end (dots), only what commands write (logs), all steps \
              when all is over (report), nothing; auto is tty on a terminal that can show it, else plain",
    },
    Setting {
        name: "KUKRI_TRACE",
        also: &[],
        flag: Some("trace"),
        reader: Reader::Session,
        kind: Kind::Path,
        default: "none",
        doc: "Write a page of the run to this file when it is over: timeline, graph, logs",
    },
    Setting::variable(
        Reader::Session,
        "KUKRI_RUNS",
        Kind::Count,
        "20",
        "How many runs are kept for `kukri trace`; 0: none",
    ),
    Setting {
        name: "DAGGER_SILENT",
        also: &[],
        flag: Some("silent"),
        reader: Reader::Session,
        kind: Kind::Switch,
        default: "off",
        doc: "Show no progress at all",
    },
    Setting::variable(
        Reader::Client,
        "DAGGER_SESSION_PORT",
        Kind::Count,
        "open a session",
        "Port on 127.0.0.1 of a session to use, with DAGGER_SESSION_TOKEN; `kukri run` sets both for the program it runs",
    ),
    Setting::variable(
        Reader::Client,
        "DAGGER_SESSION_TOKEN",
        Kind::Text("TOKEN"),
        "open a session",
        "The token of that session; without DAGGER_SESSION_PORT, the one that `kukri listen` shall ask for",
    ),
    Setting::variable(
        Reader::Client,
        "_EXPERIMENTAL_DAGGER_CLI_BIN",
        Kind::Program,
        "the one in the package",
        "The command that SDKs start, of any implementation; set it to a path of kukri to let the official SDKs use it",
    ),
    Setting::variable(
        Reader::Client,
        "TRACEPARENT",
        Kind::Text("CONTEXT"),
        "none",
        "The span in which a program runs, as W3C Trace Context defines it: the Python package sends it along with its \
         requests, and a session's own span is under it",
    ),
    Setting::variable(
        Reader::Client,
        "TRACESTATE",
        Kind::Text("STATE"),
        "none",
        "What goes along with `TRACEPARENT`, also to containers where telemetry is sent",
    ),
    Setting::variable(
        Reader::Client,
        "BAGGAGE",
        Kind::Text("PAIRS"),
        "none",
        "W3C Baggage, passed to containers where telemetry is sent",
    ),
    Setting::variable(
        Reader::Session,
        "DAGGER_TRACE_NAME",
        Kind::Text("NAME"),
        "the command, as in `kukri run`",
        "Name of the session's own span",
    ),
    otel(
        "OTEL_SDK_DISABLED",
        Kind::Switch,
        "off",
        "Send no telemetry, whatever else is set; only `true` counts",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        Kind::Text("URL"),
        "nothing is sent",
        "OpenTelemetry collector that gets traces, logs and metrics, also those of programs in containers; for HTTP \
         without `/v1/traces`, while the form for one signal, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, is the complete URL",
    ),
    otel(
        "OTEL_TRACES_EXPORTER",
        Kind::Choice(&["otlp", "none"]),
        "`otlp` if there is an endpoint",
        "Whether traces are sent; `otlp` without an endpoint sends to this machine, port 4318 (HTTP) or 4317 (gRPC)",
    ),
    otel(
        "OTEL_LOGS_EXPORTER",
        Kind::Choice(&["otlp", "none"]),
        "`otlp` if there is an endpoint",
        "The same for logs",
    ),
    otel(
        "OTEL_METRICS_EXPORTER",
        Kind::Choice(&["otlp", "none"]),
        "`otlp` if there is an endpoint",
        "The same for metrics",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        Kind::Choice(&["http/protobuf", "http/json", "grpc"]),
        "`http/protobuf`",
        "How telemetry is sent; this one and those below have forms for one signal, as in \
         `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_HEADERS",
        Kind::Text("KEY=VALUE,…"),
        "none",
        "Headers of each request to the collector, values in percent encoding",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        Kind::Count,
        "10000",
        "Most milliseconds for one batch, and for the last ones when a session ends",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        Kind::Choice(&["none", "gzip"]),
        "`none`",
        "Compression of what is sent",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_INSECURE",
        Kind::Switch,
        "off",
        "Whether gRPC goes without TLS where the endpoint has no scheme",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        Kind::Path,
        "the system's",
        "PEM file with the certificate authorities that are trusted for the collector",
    ),
    otel(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        Kind::Path,
        "none",
        "PEM file with the certificate to show to the collector",
    ),
    otel("OTEL_EXPORTER_OTLP_CLIENT_KEY", Kind::Path, "none", "PEM file with the key of that certificate"),
    otel(
        "OTEL_SERVICE_NAME",
        Kind::Text("NAME"),
        "`kukri`",
        "The attribute `service.name` of all that is sent",
    ),
    otel(
        "OTEL_RESOURCE_ATTRIBUTES",
        Kind::Text("KEY=VALUE,…"),
        "none",
        "More attributes of all that is sent",
    ),
    otel(
        "OTEL_TRACES_SAMPLER",
        Kind::Choice(&[
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ]),
        "`parentbased_always_on`",
        "Which traces are recorded",
    ),
    otel(
        "OTEL_TRACES_SAMPLER_ARG",
        Kind::Text("RATIO"),
        "1",
        "Part of the traces that `traceidratio` records, from 0 to 1",
    ),
    Setting::variable(
        Reader::Client,
        "KUKRI_SOURCE_LINES",
        Kind::Switch,
        "on",
        "Let the Python package remember which line of the program made each call; `source_lines` of `dagger.Config` wins",
    ),
    Setting::variable(
        Reader::Terminal,
        "NO_COLOR",
        Kind::Text("ANY"),
        "colours on a terminal",
        "No colours, if set and not empty",
    ),
    Setting::variable(
        Reader::Terminal,
        "KUKRI_COMPLETE",
        Kind::Text("SHELL"),
        "none",
        "Set by the scripts of `kukri completion` when a shell asks for words; the command then does nothing else",
    ),
    Setting::variable(
        Reader::System,
        "HOME",
        Kind::Dir,
        "none",
        "The user's directory: what `~` stands for, and where data and caches lie where nothing else is said",
    ),
    Setting::variable(
        Reader::System,
        "XDG_DATA_HOME",
        Kind::Dir,
        "`~/.local/share`",
        "The engine's data are in `kukri` below it, unless the user is root",
    ),
    Setting::variable(
        Reader::System,
        "XDG_CACHE_HOME",
        Kind::Dir,
        "`~/.cache`",
        "Clients keep in `kukri` below it what they know of the user's files",
    ),
    Setting::variable(
        Reader::System,
        "SSL_CERT_FILE",
        Kind::Path,
        "the system's",
        "Certificate authorities that registries and containers trust; KUKRI_CA_BUNDLE wins over it",
    ),
    Setting::variable(
        Reader::System,
        "TERM",
        Kind::Text("NAME"),
        "`dumb`",
        "The terminal: where it is `dumb`, progress is lines, not a picture",
    ),
    Setting::variable(
        Reader::System,
        "GITHUB_ACTIONS",
        Kind::Switch,
        "off",
        "If `true`, lines of progress have groups and error annotations for GitHub Actions, and the Python package says \
         which line of the program a failed step comes from",
    ),
    Setting::variable(
        Reader::System,
        "GITHUB_WORKSPACE",
        Kind::Dir,
        "none",
        "Directory of the repository: annotations name files relative to it",
    ),
    Setting::variable(
        Reader::System,
        "GITLAB_CI",
        Kind::Switch,
        "off",
        "If `true`, lines of progress have sections for GitLab CI that fold",
    ),
    Setting::variable(
        Reader::System,
        "HTTP_PROXY",
        Kind::Text("URL"),
        "none",
        "Passed to containers, as http_proxy is; no part of what makes a step's result known again",
    ),
    Setting::variable(Reader::System, "HTTPS_PROXY", Kind::Text("URL"), "none", "The same for HTTPS"),
    Setting::variable(Reader::System, "FTP_PROXY", Kind::Text("URL"), "none", "The same for FTP"),
    Setting::variable(
        Reader::System,
        "ALL_PROXY",
        Kind::Text("URL"),
        "none",
        "The same for what has no proxy of its own",
    ),
    Setting::variable(
        Reader::System,
        "NO_PROXY",
        Kind::Text("HOSTS"),
        "none",
        "Hosts that are reached without a proxy",
    ),
    Setting::variable(
        Reader::Tests,
        "KUKRI_PRETEND_VERSION",
        Kind::Text("VERSION:MIN-MAX"),
        "none",
        "What client or engine say of themselves when they meet, as in 9.9.9:1-3: version, and range of versions of the \
         session protocol",
    ),
];

/// The setting of a variable.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name || setting.also.contains(&name))
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
        let listed: BTreeSet<_> = SETTINGS
            .iter()
            .filter_map(|setting| Some((setting.name.to_owned(), setting.flag?.to_owned())))
            .collect();
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
        for setting in SETTINGS {
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
