//! Texts for people.

/// Longest command that is shown, in characters.
const SHOWN: usize = 2000;

/// A command as one would type it, on one line. What is very long is cut off, with a word on how much that is.
#[must_use]
pub fn command(args: &[String]) -> String {
    let mut text = String::new();
    let mut rest = args.iter();
    for arg in rest.by_ref() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&quote(arg));
        if text.len() > SHOWN {
            break;
        }
    }
    let Some((end, _)) = text.char_indices().nth(SHOWN) else { return text };
    let bytes = text.len() - end + rest.map(|arg| arg.len() + 1).sum::<usize>();
    text.truncate(end);
    text.push_str(&format!("… ({bytes} more bytes)"));
    text
}

/// The beginning of a text that may be long, for messages.
#[must_use]
pub fn short(text: &str) -> std::borrow::Cow<'_, str> {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

fn quote(arg: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,^~".contains(&byte);
    if !arg.is_empty() && arg.bytes().all(plain) {
        return arg.to_owned();
    }
    let mut text = String::from("'");
    for c in arg.chars() {
        match c {
            '\'' => text.push_str("'\\''"),
            // No control character may reach a terminal.
            c if c.is_control() => text.extend(c.escape_default()),
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_quoted_where_needed() {
        let args = ["sh", "-c", "echo it's", ""].map(str::to_owned);
        assert_eq!(command(&args), r"sh -c 'echo it'\''s' ''");
        assert_eq!(command(&["a\nb".to_owned(), "\0\u{1b}[1m".to_owned()]), r"'a\nb' '\u{0}\u{1b}[1m'");
    }

    #[test]
    fn long_commands_are_cut_off() {
        let long = command(&["echo".to_owned(), "ü".repeat(3000), "y".repeat(100_000)]);
        assert!(long.starts_with("echo 'üü") && long.ends_with("ü… (102014 more bytes)"), "{long}");
        assert!(command(&vec!["x".repeat(30); 1000]).ends_with("… (28999 more bytes)"));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short("short"), "short");
        assert_eq!(short(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(short(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
    }
}
