//! How results look.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::commands::indented;

/// The results below a path in the data: one, or those of all lists on the way.
pub fn results(data: Json, path: &[String]) -> Json {
    match (data, path) {
        (Json::Array(items), _) => {
            let found = items.into_iter().map(|item| results(item, path));
            let flat = found.flat_map(|found| match found {
                Json::Array(inner) => inner,
                other => vec![other],
            });
            Json::Array(flat.collect())
        }
        (data, []) => data,
        (mut data, [name, rest @ ..]) => results(data[name.as_str()].take(), rest),
    }
}

/// For people: texts as they are, lists with an element on each line, objects as `Type@digest`. Null is nothing.
pub fn text(result: &Json, objects: bool) -> String {
    let one = |value: &Json| match value {
        Json::String(id) if objects => object(id),
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    match result {
        Json::Array(items) => items.iter().fold(String::new(), |mut out, item| {
            let _ = writeln!(out, "{}{}", if objects { "- " } else { "" }, one(item));
            out
        }),
        value => {
            let mut text = one(value);
            // A text ends as it ends; all else is a line.
            if !text.is_empty() && (objects || !value.is_string()) {
                text.push('\n');
            }
            text
        }
    }
}

/// For programs.
pub fn as_json(result: &Json, objects: bool) -> String {
    let one = |value: &Json| match value.as_str().filter(|_| objects) {
        Some(id) => match kukri_api::ids::decode(id) {
            Ok((name, digest)) => json!({ "type": name, "digest": digest.hex(), "id": id }),
            Err(_) => json!({ "id": id }),
        },
        None => value.clone(),
    };
    let shown = match result {
        Json::Array(items) => Json::Array(items.iter().map(one).collect()),
        value => one(value),
    };
    format!("{}\n", indented(&shown.to_string()))
}

fn object(id: &str) -> String {
    match kukri_api::ids::decode(id) {
        Ok((name, digest)) => format!("{name}@{}", digest.hex()),
        Err(_) => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "Container.JnCVDh-brR4a0gbcIyqEVkk0ePuyQLB9reErZjm-890.DQP3";

    #[test]
    fn lists_on_the_way_are_flat() {
        let data = json!({"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]});
        let path = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(results(data, &path), json!([1, 2, 3]));
        assert_eq!(results(json!({"a": {"b": null}}), &path), Json::Null);
    }

    #[test]
    fn for_people() {
        for (result, objects, expected) in [
            (json!("no end"), false, "no end"),
            (json!("line\n"), false, "line\n"),
            (json!(["a", "b"]), false, "a\nb\n"),
            (json!([]), false, ""),
            (json!(12), false, "12\n"),
            (json!(true), false, "true\n"),
            (Json::Null, false, ""),
        ] {
            assert_eq!(text(&result, objects), expected, "{result}");
        }
        let shown = text(&json!(ID), true);
        assert!(shown.starts_with("Container@") && shown.ends_with('\n'), "{shown}");
        assert!(text(&json!([ID, ID]), true).starts_with("- Container@"));
    }

    #[test]
    fn for_programs() {
        let shown: Json = serde_json::from_str(&as_json(&json!([ID]), true)).unwrap();
        assert_eq!((&shown[0]["type"], &shown[0]["id"]), (&json!("Container"), &json!(ID)));
        assert_eq!(as_json(&json!("a"), false), "\"a\"\n");
    }
}
