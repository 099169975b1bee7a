//! `$NAME` and `${NAME}` in texts.

use crate::error::OpError;
use crate::text::short;

/// Longest result in bytes: Linux takes no longer argument or variable (`MAX_ARG_STRLEN`), and references make it possible to
/// write one that is longer than any memory.
const MAX_TEXT: usize = 128 << 10;

/// Most bytes of arguments, or of variables, together: with any stack, Linux takes no more (three quarters of `_STK_LIM`).
pub const MAX_TEXTS: usize = 6 << 20;

/// Replaces variables in `text` by what `value` says. `$` that starts no name stays; `$$` is not special. The result has a
/// bound where variables make it longer than `text`.
pub fn expand<'a>(text: &str, value: impl Fn(&str) -> Result<&'a str, OpError>) -> Result<String, OpError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        if out.len() > MAX_TEXT.max(text.len()) {
            break;
        }
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                return Err(OpError::new(format!("{:?}: \"${{\" without \"}}\"", short(text))));
            };
            out.push_str(value(&inner[..end])?);
            rest = &inner[end + 1..];
            continue;
        }
        let end = rest
            .bytes()
            .position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))
            .unwrap_or(rest.len());
        if end == 0 || rest.as_bytes()[0].is_ascii_digit() {
            out.push('$');
            continue;
        }
        out.push_str(value(&rest[..end])?);
        rest = &rest[end..];
    }
    if out.len() + rest.len() > MAX_TEXT.max(text.len()) {
        return Err(OpError::new(format!(
            "{:?} is longer than {MAX_TEXT} bytes with its variables replaced; pass long texts as files",
            short(text)
        )));
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced() {
        let value = |name: &str| Ok(if name == "B" { "<B>" } else { "?" });
        for (text, expected) in [
            ("a$B/c", "a<B>/c"),
            ("${B}c", "<B>c"),
            ("$", "$"),
            ("$1", "$1"),
            ("a$$B", "a$<B>"),
            ("no", "no"),
            ("é$É", "é$É"),
        ] {
            assert_eq!(expand(text, value).unwrap(), expected);
        }
        assert!(expand("${B", value).is_err());
    }

    #[test]
    fn results_have_a_bound() {
        let half = "x".repeat(MAX_TEXT / 2);
        let value = |_: &str| Ok(half.as_str());
        assert_eq!(expand("$A$A", value).unwrap().len(), MAX_TEXT);
        for text in ["$A$A.", "${A}.$A", &"$A".repeat(1_000_000)] {
            let error = expand(text, value).unwrap_err().to_string();
            assert!(error.contains("longer than 131072 bytes") && error.len() < 500, "{error}");
        }
        // What the client wrote at this length itself has its bound already.
        assert_eq!(expand(&"y".repeat(2 * MAX_TEXT), value).unwrap().len(), 2 * MAX_TEXT);
    }
}
