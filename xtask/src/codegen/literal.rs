//! Defaults: GraphQL literals as Python writes them.

/// A literal of a type with this name. Enums are known by not being anything else.
pub fn python(literal: &str, base: &str) -> Result<String, String> {
    let text = literal.trim();
    Ok(match text {
        "true" => "True".to_owned(),
        "false" => "False".to_owned(),
        "null" => "None".to_owned(),
        "[]" => "[]".to_owned(),
        _ if text.starts_with('"') => {
            let value: String = serde_json::from_str(text).map_err(|error| format!("{literal}: {error}"))?;
            quoted(&value)
        }
        _ if text.parse::<f64>().is_ok() => text.to_owned(),
        _ if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => format!("{base}.{text}"),
        _ => return Err(format!("{literal}: such a default is not known to the generator yet")),
    })
}

/// A text as a Python string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        for (text, expected) in [
            ("false", "False"),
            ("420", "420"),
            ("\"\"", "\"\""),
            ("SUCCESS", "ReturnType.SUCCESS"),
            ("[]", "[]"),
        ] {
            assert_eq!(python(text, "ReturnType").unwrap(), expected);
        }
        assert!(python("{a: 1}", "X").is_err());
    }
}
