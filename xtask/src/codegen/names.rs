//! Names of the API as Python writes them.

/// Words that cannot be names in Python.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "self", "try", "while", "with", "yield",
];

/// `withNewFile` to `with_new_file`, `loadHTTPStateFromID` to `load_http_state_from_id`.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            let before = chars[at - 1];
            let after = chars.get(at + 1).copied().unwrap_or('_');
            if before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after.is_ascii_lowercase())
            {
                out.push('_');
            }
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The name of a method or argument: snake case, and never a keyword.
pub fn python(name: &str) -> String {
    let mut name = snake(name);
    if KEYWORDS.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

/// Replaces names of the API that a text marks as code by their Python form.
pub fn in_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, piece) in text.split('`').enumerate() {
        if at > 0 {
            out.push('`');
        }
        let is_name = at % 2 == 1
            && piece.starts_with(|c: char| c.is_ascii_lowercase())
            && piece.chars().all(|c| c.is_ascii_alphanumeric())
            && piece.chars().any(|c| c.is_ascii_uppercase());
        if is_name {
            out.push_str(&python(piece));
        } else {
            out.push_str(piece);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case() {
        for (name, expected) in [
            ("withNewFile", "with_new_file"),
            ("loadHTTPStateFromID", "load_http_state_from_id"),
            ("experimentalWithAllGPUs", "experimental_with_all_gp_us"),
            ("asJSON", "as_json"),
            ("EnvVariable", "env_variable"),
            ("id", "id"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(
            (python("from"), python("import"), python("file")),
            ("from_".into(), "import_".into(), "file".into())
        );
    }

    #[test]
    fn text() {
        assert_eq!(
            in_text("Like `withFile` of `Dir`, not withDir."),
            "Like `with_file` of `Dir`, not withDir."
        );
    }
}
