//! The functions of a chain as commands with flags.

use clap::builder::{PossibleValue, PossibleValuesParser, ValueHint};
use clap::{Arg, ArgAction, Command, value_parser};
use kukri_api::Schema;
use kukri_api::schema::{Arg as Parameter, Field, Scalar, Type, TypeIx, TypeKind};

use super::names::kebab;
use super::{functions, next};

/// Adds to the command `core` the functions that can be written at each point of the chain in `words`, which come after
/// the command's name. Only functions on the way have their flags: the whole tree has no end.
pub fn extend(command: Command, schema: &Schema, words: &[String]) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        // The same at each point.
        "progress" | "silent" | "verbose" | "quiet" | "debug" | "auto_apply" => arg.global(true),
        _ => arg,
    });
    let everywhere: Vec<Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    with_functions(command, schema, schema.query(), words, &everywhere)
}

fn with_functions(
    command: Command,
    schema: &Schema,
    on: TypeIx,
    words: &[String],
    everywhere: &[Arg],
) -> Command {
    let at = {
        let flags = || command.get_arguments().chain(everywhere);
        first_word(words, |long, short| {
            flags().any(|arg| {
                arg.get_action().takes_values()
                    && !arg.is_require_equals_set()
                    && (long.is_some_and(|long| arg.get_long() == Some(long))
                        || short.is_some_and(|short| arg.get_short() == Some(short)))
            })
        })
    };
    let chosen = at.map(|at| words[at].as_str());
    let mut command = command.subcommand_help_heading("Functions").subcommand_value_name("FUNCTION");
    for field in functions(schema, on) {
        let name = kebab(&field.name);
        let mut function = Command::new(name.clone()).about(about(field)).disable_version_flag(true);
        if chosen == Some(&name) {
            function = function.long_about(long_about(schema, field)).args(
                field.args.iter().filter(|arg| !is_hidden(arg)).map(|parameter| flag(schema, parameter)),
            );
            if let (Some(on), Some(at)) = (next(schema, field), at) {
                function = with_functions(function, schema, on, &words[at + 1..], everywhere);
            }
        }
        command = command.subcommand(function);
    }
    command
}

/// The place of the first word that is neither a flag nor the value of one.
fn first_word(words: &[String], takes_value: impl Fn(Option<&str>, Option<char>) -> bool) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word == "--" {
            return None;
        } else if let Some(long) = word.strip_prefix("--") {
            at += if !long.contains('=') && takes_value(Some(long), None) { 2 } else { 1 };
        } else if let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) {
            let mut letters = short.chars();
            let single = letters.next().filter(|_| letters.next().is_none());
            at += if single.is_some_and(|letter| takes_value(None, Some(letter))) { 2 } else { 1 };
        } else {
            return Some(at);
        }
    }
    None
}

fn about(field: &Field) -> String {
    let text = unwrapped(field.doc.split("\n\n").next().unwrap_or_default());
    let first = text.split_once(". ").map_or(text.as_str(), |(first, _)| first);
    let state = if field.unavailable.is_some() {
        " (not available yet)"
    } else if field.deprecated.is_some() {
        " (deprecated)"
    } else {
        ""
    };
    format!("{}{state}", first.trim_end_matches('.'))
}

fn long_about(schema: &Schema, field: &Field) -> String {
    let deprecated = field.deprecated.map(|reason| format!("\n\nDeprecated: {reason}")).unwrap_or_default();
    let gives = field.expected_type.as_deref().map_or_else(|| schema.show(&field.ty), str::to_owned);
    format!("{}{deprecated}\n\nGives {gives}.", unwrapped(&field.description()))
}

/// Paragraphs on one line each: the terminal breaks them. Lists stay as they are.
fn unwrapped(text: &str) -> String {
    let paragraph = |text: &str| {
        let is_list = text.lines().any(|line| line.starts_with([' ', '-', '*', '|']));
        if is_list { text.to_owned() } else { text.lines().collect::<Vec<_>>().join(" ") }
    };
    text.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

const fn is_hidden(parameter: &Parameter) -> bool {
    parameter.deprecated.is_some() && !parameter.is_required()
}

/// The name of the flag's value in what was read.
pub fn id(parameter: &Parameter) -> String {
    format!("argument.{}", parameter.name)
}

fn flag(schema: &Schema, parameter: &Parameter) -> Arg {
    let arg = Arg::new(id(parameter))
        .long(kebab(parameter.name))
        .required(parameter.is_required())
        .help(help(schema, parameter))
        .allow_hyphen_values(true);
    let list = matches!(parameter.ty.nullable(), Type::List(_));
    let arg = if list { arg.action(ArgAction::Append) } else { arg.action(ArgAction::Set) };
    let base = schema.get(parameter.ty.base());
    match &base.kind {
        TypeKind::Scalar(Scalar::Boolean) if !list => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL")
            .value_parser(value_parser!(bool)),
        TypeKind::Enum(members) if !list => {
            let values = members.values().map(|member| {
                PossibleValue::new(member.name.to_string())
                    .help(member.doc.to_string())
                    .hide(member.alias_of.is_some())
            });
            arg.value_name(kebab(&base.name).to_uppercase())
                .ignore_case(true)
                .value_parser(PossibleValuesParser::new(values))
        }
        TypeKind::Scalar(Scalar::Id) => {
            let of = parameter.expected_type.as_deref().unwrap_or("ID");
            let hint = match of {
                "Directory" => ValueHint::DirPath,
                "File" => ValueHint::FilePath,
                _ => ValueHint::Other,
            };
            arg.value_name(kebab(of).to_uppercase()).value_hint(hint)
        }
        TypeKind::Input(_) => arg.value_name("JSON"),
        _ => arg.value_name(base.name.to_uppercase()),
    }
}

fn help(schema: &Schema, parameter: &Parameter) -> String {
    let mut help = unwrapped(parameter.doc.trim_end_matches('.')).replace('`', "");
    if matches!(parameter.ty.nullable(), Type::List(_)) {
        help.push_str(" (may be given several times, or with commas)");
    }
    if let TypeKind::Input(fields) = &schema.get(parameter.ty.base()).kind {
        let fields: Vec<String> = fields.iter().map(|field| format!("{:?}: …", field.name)).collect();
        help.push_str(&format!(" ({{{}}})", fields.join(", ")));
    }
    match parameter.default_text {
        Some(default) if !matches!(default, "[]" | "\"\"" | "false") => {
            help.push_str(&format!(" [default: {default}]"))
        }
        _ => {}
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;
    use crate::exit::Dialect;

    fn core() -> Command {
        args::command(Dialect::Kukri).find_subcommand("core").unwrap().clone()
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_function_makes_a_sound_command() {
        let schema = super::super::api();
        for (ix, def) in schema.types() {
            let everywhere: Vec<Arg> = extend(core(), &schema, &[])
                .get_arguments()
                .filter(|arg| arg.is_global_set())
                .cloned()
                .collect();
            for field in functions(&schema, ix) {
                let name = kebab(&field.name);
                let base = Command::new("core").args(everywhere.clone());
                let tree = with_functions(base, &schema, ix, std::slice::from_ref(&name), &everywhere);
                tree.clone().debug_assert();
                let function = tree.find_subcommand(&name).unwrap();
                let flags = function
                    .get_arguments()
                    .filter(|arg| arg.get_id().as_str().starts_with("argument."))
                    .collect::<Vec<_>>();
                let shown = field.args.iter().filter(|arg| !is_hidden(arg)).count();
                assert_eq!(flags.len(), shown, "{}.{}", def.name, field.name);
                for flag in flags {
                    let help = flag.get_help().unwrap().to_string();
                    assert_eq!(help, unwrapped(&help), "the terminal breaks lines");
                }
            }
        }
    }

    #[test]
    fn functions_are_found_behind_flags() {
        let schema = super::super::api();
        let tree = extend(
            core(),
            &schema,
            &words(
                "-o out --json container from --address with-exec with-exec --args=echo --args hi --expand stdout",
            ),
        );
        let stdout = ["container", "from", "with-exec", "stdout"]
            .iter()
            .try_fold(&tree, |command, name| command.find_subcommand(name));
        assert!(stdout.is_some());
        // What is not on the way has no flags.
        assert_eq!(tree.find_subcommand("host").unwrap().get_subcommands().count(), 0);
    }
}
