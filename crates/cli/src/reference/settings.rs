//! `docs/reference/settings.md`, and what `kukri help environment` prints.

use std::fmt::Write;

use super::{NOTE, cell};
use crate::settings::registry::{self, Kind, Reader, Setting};

const TEMPLATE: &str = include_str!("settings.template");

const VALUES: &str = "Sizes are `512MB`, `10GiB`, a number of bytes, or for disk space `20%`. Durations are `90s`, \
                      `15m`, `36h`, `7d`.";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = format!("{NOTE}{TEMPLATE}").replace("{{values}}", VALUES);
    for (name, reader) in [
        ("engine", Reader::Engine),
        ("session", Reader::Session),
        ("telemetry", Reader::Telemetry),
        ("client", Reader::Client),
        ("terminal", Reader::Terminal),
        ("system", Reader::System),
        ("tests", Reader::Tests),
    ] {
        page = page.replace(&format!("{{{{{name}}}}}"), table(reader).trim_end());
    }
    page
}

fn of(reader: Reader) -> impl Iterator<Item = &'static Setting> {
    registry::all().filter(move |setting| setting.reader == reader)
}

fn table(reader: Reader) -> String {
    let flags = of(reader).any(|setting| setting.flag.is_some());
    let mut out = String::new();
    out.push_str(if flags { "| flag " } else { "" });
    out.push_str("| variable | what | value | default |\n");
    out.push_str(if flags { "|---" } else { "" });
    out.push_str("|---|---|---|---|\n");
    for setting in of(reader) {
        if flags {
            let flag = setting.flag.map(|flag| format!("`--{flag}` ")).unwrap_or_default();
            let _ = write!(out, "| {flag}");
        }
        let names: Vec<String> =
            std::iter::once(&setting.name).chain(setting.also).map(|name| format!("`{name}`")).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            names.join(", else "),
            cell(setting.doc),
            value(setting.kind),
            cell(setting.default)
        );
    }
    out
}

fn value(kind: Kind) -> String {
    match kind {
        Kind::Dir => "directory".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Program => "name or path".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::Count => "number".to_owned(),
        Kind::True => "`true`: on".to_owned(),
        Kind::Switch => "`1`, `true`, `yes`, `on`: on; `0`, `false`, `no`, `off`: off".to_owned(),
        Kind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Text(form) => format!("`{}`", cell(form)),
    }
}

/// One variable, for a terminal.
#[must_use]
pub fn setting(setting: &Setting) -> String {
    let also: String = setting.also.iter().map(|name| format!(", else {name}")).collect();
    let flag = setting.flag.map(|flag| format!("  --{flag}")).unwrap_or_default();
    let words = match setting.kind {
        Kind::Choice(words) => format!("; one of {}", words.join(", ")),
        _ => String::new(),
    };
    let text = format!("{} (default: {}{words})", setting.doc, setting.default).replace('`', "");
    format!("{}{also}={}{flag}\n    {text}\n", setting.name, setting.kind.placeholder())
}

/// All variables, for a terminal.
#[must_use]
pub fn environment() -> String {
    let mut out =
        String::from("Environment variables. A flag, where there is one, wins over its variable.\n");
    for (title, reader) in [
        ("The engine (`kukri engine --help`), read when it starts", Reader::Engine),
        ("Commands that open a session", Reader::Session),
        ("Telemetry, sent only where one of these asks for it", Reader::Telemetry),
        ("SDKs, and commands inside a session", Reader::Client),
        ("The command line", Reader::Terminal),
        ("Shared with other programs", Reader::System),
        ("For tests of the project", Reader::Tests),
    ] {
        let _ = writeln!(out, "\n{title}:");
        for setting in of(reader) {
            for line in self::setting(setting).lines() {
                let _ = writeln!(out, "  {line}");
            }
        }
    }
    let _ = writeln!(out, "\n{}", VALUES.replace('`', ""));
    out
}
