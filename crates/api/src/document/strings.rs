//! The values of string tokens: escapes, surrogate pairs, the indentation of block strings.

use super::parser::SyntaxError;

/// The value of a string; `inner` is what stands between the quotes, from byte `at` of the document.
pub(super) fn unescape(inner: &str, at: u32) -> Result<String, SyntaxError> {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(slash) = rest.find('\\') {
        out.push_str(&rest[..slash]);
        let escape = &rest[slash + 1..];
        let (value, used) = match escape.bytes().next() {
            Some(byte @ (b'"' | b'\\' | b'/')) => (char::from(byte), 1),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b't') => ('\t', 1),
            Some(b'u') => unicode(escape).ok_or_else(|| invalid(escape, at))?,
            _ => return Err(invalid(escape, at)),
        };
        out.push(value);
        rest = &escape[used..];
    }
    out.push_str(rest);
    Ok(out)
}

fn invalid(escape: &str, at: u32) -> SyntaxError {
    let shown: String = escape.chars().take(if escape.starts_with('u') { 5 } else { 1 }).collect();
    SyntaxError { message: format!("Invalid character escape sequence: \"\\{shown}\"."), at }
}

/// `uXXXX`, `uXXXX\uXXXX` (a surrogate pair) or `u{X…}`: the character and how many bytes it took.
fn unicode(escape: &str) -> Option<(char, usize)> {
    let hex = |text: &str| {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| u32::from_str_radix(text, 16).ok())
            .flatten()
    };
    if let Some(braced) = escape.strip_prefix("u{") {
        let close = braced.find('}')?;
        return Some((char::from_u32(hex(&braced[..close])?)?, close + 3));
    }
    let high = hex(escape.get(1..5)?)?;
    if !(0xD800..0xDC00).contains(&high) {
        return Some((char::from_u32(high)?, 5));
    }
    let low = hex(escape.get(5..)?.strip_prefix("\\u")?.get(..4)?)?;
    let code = 0x10000 + ((high - 0xD800) << 10) + low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(code)?, 11))
}

/// The value of a block string; `inner` is what stands between the triple quotes.
pub(super) fn block(inner: &str) -> String {
    let blank = |line: &str| line.bytes().all(|byte| matches!(byte, b' ' | b'\t'));
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let normal = inner.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = normal.split('\n').collect();
    let common = lines.iter().skip(1).filter(|line| !blank(line)).map(|line| indent(line)).min().unwrap_or(0);
    let first = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !blank(line)).map_or(first, |last| last + 1);
    let mut out = String::with_capacity(inner.len());
    for (index, line) in lines.iter().enumerate().take(last).skip(first) {
        if index > first {
            out.push('\n');
        }
        let cut = if index == 0 { 0 } else { common.min(line.len()) };
        out.push_str(&line[cut..]);
    }
    out.replace("\\\"\"\"", "\"\"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (inner, expected) in [
            (r#"a\"b\\c\/d"#, "a\"b\\c/d"),
            (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
            (r"\u00e9\uD83D\uDE00x", "é😀x"),
            (r"\u{1F600}", "😀"),
            ("plain 😀", "plain 😀"),
        ] {
            assert_eq!(unescape(inner, 0).unwrap(), expected, "{inner}");
        }
        for inner in [r"\x", r"\u12", r"\uD83D", r"\uD83D\u0041", r"\uDE00", r"\u{110000}", "\\u+123", "\\é"]
        {
            assert!(unescape(inner, 0).is_err(), "{inner}");
        }
    }

    #[test]
    fn block_strings_lose_their_indentation() {
        assert_eq!(block("\n    a\n      b\n\n    c\n  "), "a\n  b\n\nc");
        assert_eq!(block("  one line "), "  one line ");
        assert_eq!(block("a \\\"\"\" b"), "a \"\"\" b");
        assert_eq!(block("\n\u{a0}x\r\n y\n"), "\u{a0}x\n y");
        assert_eq!(block(" \n\t\n"), "");
    }
}
