//! Names of the API as they are written on a command line.

/// `withNewFile` to `with-new-file`, `asJSON` to `as-json`, `experimentalWithAllGPUs` to `experimental-with-all-gpus`.
pub fn kebab(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let at = |index: usize| chars.get(index).copied();
    let mut out = String::with_capacity(name.len() + 8);
    for (index, c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            let before = chars[index - 1];
            // The `s` of `GPUs` belongs to what is before it.
            let plural =
                at(index + 1) == Some('s') && at(index + 2).is_none_or(|next| next.is_ascii_uppercase());
            let word = at(index + 1).is_some_and(|next| next.is_ascii_lowercase()) && !plural;
            if !before.is_ascii_uppercase() || word {
                out.push('-');
            }
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A place in the data of an answer as the functions of a chain.
pub fn of_chain(fields: Vec<String>) -> Vec<String> {
    let made = |field: &&String| !["id", "node", "probe"].contains(&field.as_str());
    let functions: Vec<String> = fields.iter().filter(made).map(|field| kebab(field)).collect();
    if functions.is_empty() { functions } else { vec![functions.join(" ")] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_case() {
        for (name, expected) in [
            ("withNewFile", "with-new-file"),
            ("asJSON", "as-json"),
            ("loadHTTPStateFromID", "load-http-state-from-id"),
            ("experimentalWithAllGPUs", "experimental-with-all-gpus"),
            ("from", "from"),
            ("HTTPState", "http-state"),
            ("diffStats", "diff-stats"),
        ] {
            assert_eq!(kebab(name), expected);
        }
    }
}
