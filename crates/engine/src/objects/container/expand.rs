//! `$NAME` and `${NAME}` in texts.

use crate::error::OpError;

/// Replaces variables in `text` by what `value` says. `$` that starts no name stays; `$$` is not special.
pub fn expand(text: &str, value: impl Fn(&str) -> Result<String, OpError>) -> Result<String, OpError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                return Err(OpError::new(format!("{text:?}: \"${{\" without \"}}\"")));
            };
            out.push_str(&value(&inner[..end])?);
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
        out.push_str(&value(&rest[..end])?);
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced() {
        let value = |name: &str| Ok(format!("<{name}>"));
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
}
