//! Rust source without what is not code: comments and the insides of literals become blanks.

/// Same length and lines as the source, so that offsets agree.
pub fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(bytes, at)
        } else if rest[0] == b'"' {
            string(bytes, at)
        } else if rest[0] == b'\'' {
            character(bytes, at)
        } else if let Some(end) = raw_string(bytes, at) {
            end
        } else {
            at += 1;
            continue;
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Only whole literals and comments were replaced, byte by byte, by ASCII.
    String::from_utf8(out).unwrap_or_default()
}

fn block_comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a character literal; of a lifetime, only the quote.
fn character(bytes: &[u8], start: usize) -> usize {
    if bytes.get(start + 1) == Some(&b'\\') {
        let close = bytes[start + 3..].iter().position(|byte| *byte == b'\'');
        return close.map_or(bytes.len(), |offset| start + 3 + offset + 1);
    }
    // One character of up to four bytes, then the quote.
    let close = (start + 2..(start + 6).min(bytes.len())).find(|at| bytes[*at] == b'\'');
    match close {
        Some(at) if at == start + 2 || !bytes[start + 1].is_ascii() => at + 1,
        _ => start + 1,
    }
}

fn raw_string(bytes: &[u8], start: usize) -> Option<usize> {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if start > 0 && bytes.get(start - 1).is_some_and(|byte| named(byte) && *byte != b'b' && *byte != b'c') {
        return None;
    }
    let rest = bytes[start..].strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let body = start + 1 + hashes + 1;
    let close = bytes[body..].windows(end.len()).position(|window| window == end);
    Some(close.map_or(bytes.len(), |offset| body + offset + end.len()))
}

/// Parts of masked source that only tests have: items after `#[cfg(test)]`, as byte ranges.
pub fn test_items(masked: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for (start, attribute) in masked.match_indices("#[cfg(") {
        let condition = &masked[start + attribute.len()..];
        if !(condition.starts_with("test)") || condition.starts_with("all(test")) {
            continue;
        }
        let bytes = masked.as_bytes();
        let mut depth = 0usize;
        let mut end = masked.len();
        for (at, byte) in bytes.iter().enumerate().skip(start) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                b';' if depth == 0 => {}
                _ => continue,
            }
            if depth == 0 {
                end = at + 1;
                break;
            }
        }
        found.push(start..end);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_remains() {
        for (source, code) in [
            ("a // unsafe\nb", "a b"),
            ("a /* x /* y */ z */ b", "a b"),
            (r#"f("un\"safe") b"#, "f( ) b"),
            ("f(r#\"a\"b\"#) c", "f( ) c"),
            ("f(b'\\'', 'x', '\\u{1F600}') c", "f(b , , ) c"),
            ("fn f<'a>(x: &'a str) {}", "fn f< a>(x: & a str) {}"),
            ("br\"x\" y", "b y"),
            ("var\"x\"", "var"),
        ] {
            let masked = mask(source);
            assert_eq!(masked.split_whitespace().collect::<Vec<_>>().join(" "), code, "{source}");
            assert_eq!(masked.len(), source.len());
            assert_eq!(masked.lines().count(), source.lines().count());
        }
        assert_eq!(mask("'ä' b").trim(), "b");
    }

    #[test]
    fn items_of_tests_end_where_they_end() {
        let source =
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}\n#[cfg(test)]\nuse x;\nfn d() {}";
        let parts: Vec<&str> = test_items(source).into_iter().map(|range| &source[range]).collect();
        assert_eq!(parts, ["#[cfg(test)]\nmod tests { fn b() {} }", "#[cfg(test)]\nuse x;"]);
    }
}
