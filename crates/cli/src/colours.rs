//! Whether there are colours: what the user wants, and what a stream can show.

use std::io::IsTerminal;

use clap::ColorChoice;

use crate::settings::variable;

/// Whether a stream gets colours.
pub fn on(stream: &impl IsTerminal) -> bool {
    match wanted() {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => stream.is_terminal() && !dumb(),
    }
}

/// What the variables say, of which each user has another one. `NO_COLOR` wins: who cannot read colours has set it.
pub fn wanted() -> ColorChoice {
    choose(variable)
}

/// Whether the terminal can do no more than write one line after the other.
pub fn dumb() -> bool {
    variable("TERM").is_none_or(|name| name == "dumb")
}

fn choose(variable: impl Fn(&str) -> Option<String>) -> ColorChoice {
    let [none, force, also_force, plain] =
        ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR"].map(variable);
    let is_no = |value: &Option<String>| value.as_deref() == Some("0");
    let is_yes = |value: &Option<String>| value.is_some() && !is_no(value);
    if none.is_some() || is_no(&force) {
        ColorChoice::Never
    } else if is_yes(&force) || is_yes(&also_force) {
        ColorChoice::Always
    } else if is_no(&plain) {
        ColorChoice::Never
    } else {
        ColorChoice::Auto
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_say_what_is_wanted() {
        for (set, expected) in [
            (&[][..], ColorChoice::Auto),
            (&[("NO_COLOR", "1")], ColorChoice::Never),
            (&[("NO_COLOR", "1"), ("FORCE_COLOR", "1"), ("CLICOLOR_FORCE", "1")], ColorChoice::Never),
            (&[("FORCE_COLOR", "1")], ColorChoice::Always),
            (&[("FORCE_COLOR", "true"), ("CLICOLOR", "0")], ColorChoice::Always),
            (&[("FORCE_COLOR", "0"), ("CLICOLOR_FORCE", "1")], ColorChoice::Never),
            (&[("CLICOLOR_FORCE", "1")], ColorChoice::Always),
            (&[("CLICOLOR_FORCE", "0")], ColorChoice::Auto),
            (&[("CLICOLOR", "0")], ColorChoice::Never),
            (&[("CLICOLOR", "1")], ColorChoice::Auto),
        ] {
            let find = |name: &str| set.iter().find(|(known, _)| *known == name);
            assert_eq!(choose(|name| Some(find(name)?.1.to_owned())), expected, "{set:?}");
        }
    }
}
