//! Texts for people.

/// A command as one would type it, on one line.
#[must_use]
pub fn command(args: &[String]) -> String {
    args.iter().map(|arg| quote(arg)).collect::<Vec<_>>().join(" ")
}

fn quote(arg: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,^~".contains(&byte);
    if !arg.is_empty() && arg.bytes().all(plain) {
        return arg.to_owned();
    }
    format!("'{}'", arg.replace('\n', "\\n").replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_quoted_where_needed() {
        let args = ["sh", "-c", "echo it's", ""].map(str::to_owned);
        assert_eq!(command(&args), r"sh -c 'echo it'\''s' ''");
    }
}
