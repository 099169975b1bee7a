//! `kukri query`: one GraphQL document.

use std::io::Read;
use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};

use crate::args::QueryArgs;
use crate::connection::Connection;
use crate::fail::{Failure, Outcome, ended, out};

/// Sends the document; prints the data of the answer as JSON.
pub async fn query(args: QueryArgs) -> Outcome {
    let (document, operation) = document(&args)?;
    if document.trim().is_empty() {
        return Err(Failure::usage("no document was given").hint(
            "write it as the argument, as in `query '{ version }'`, name its file with --doc, or send it to standard input",
        ));
    }
    let mut variables = Map::new();
    if let Some(text) = &args.var_json {
        let given: Json =
            serde_json::from_str(text).map_err(|error| Failure::usage(format!("--var-json: {error}")))?;
        let Json::Object(given) = given else {
            return Err(Failure::usage("--var-json: expected a JSON object"));
        };
        variables.extend(given);
    }
    for entry in &args.var {
        let (name, value) = entry
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--var {entry:?}: expected NAME=VALUE")))?;
        variables.insert(name.to_owned(), json!(value));
    }
    let mut connection = Connection::open(&args.session, &["kukri query".to_owned()]).await?;
    let body = json!({ "query": document, "variables": variables, "operationName": operation });
    let answer = connection.request(&body).await;
    let shown = connection.shows_failures();
    let closed = connection.close().await;
    let printed = answer.and_then(|answer| {
        let data = answer.data().map_err(|failure| if shown { failure.brief() } else { failure })?;
        let mut text = indented(data);
        text.push('\n');
        out(&text)
    });
    ended(printed, closed).map(|()| ExitCode::SUCCESS)
}

fn document(args: &QueryArgs) -> Result<(String, Option<String>), Failure> {
    let read_stdin = || {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    };
    match (&args.query, &args.doc) {
        (Some(query), None) if !is_name(query) => Ok((query.clone(), None)),
        (operation, Some(path)) if path.as_os_str() != "-" => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("--doc {}: {error}", path.display())))?;
            Ok((text, operation.clone()))
        }
        (operation, _) => Ok((read_stdin()?, operation.clone())),
    }
}

/// Whether a text can be the name of an operation. No document can: it has a selection in braces. Neither can a text of
/// spaces, which is a document without anything in it.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Levels that are indented; in data that nest thousands deep the spaces would be most of what is printed.
const MOST_INDENTED: usize = 64;

/// JSON over several lines, indented by four spaces a level. Nothing recurses: data nest as deep as documents do.
pub fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut chars = json.chars().peekable();
    let mut in_text = false;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth.min(MOST_INDENTED)));
    };
    while let Some(c) = chars.next() {
        if in_text {
            out.push(c);
            match c {
                '\\' => out.extend(chars.next()),
                '"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => {
                in_text = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_indented_as_json_usually_is() {
        let value = json!({"a": {"b": ["x, {\"y\": [\\", 1, -2.5, null], "c": [], "d": {}}, "e": "é\n:"});
        let mut usual = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut usual, formatter);
        serde::Serialize::serialize(&value, &mut serializer).unwrap();
        assert_eq!(indented(&value.to_string()), String::from_utf8(usual).unwrap());
    }

    #[test]
    fn documents_are_told_from_names_of_operations() {
        for text in [
            "{ version }",
            "mutation {x}",
            "subscription {x}",
            "query{version}",
            "fragment F on Query { version } query A { ...F }",
            "# first\n{ version }",
            "\u{feff}{ version }",
            " , { version }",
            "version }",
            " ",
        ] {
            assert!(!is_name(text), "{text}");
        }
        for name in ["Build", "queryAll", "mutation", "_2", ""] {
            assert!(is_name(name), "{name}");
        }
    }

    #[test]
    fn data_may_be_deep() {
        let depth = 20_000;
        let shown = indented(&format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)));
        assert_eq!(shown.matches("\"a\": ").count(), depth);
    }
}
