//! Sizes as people write them.

/// Bytes: `512MB`, `10GiB`, `1000`, or a percentage of `whole`, at most 100%.
pub fn parse(text: &str, whole: Option<u64>) -> Result<u64, String> {
    let examples = if whole.is_some() { "512MB, 10GiB or 20%" } else { "512MB or 10GiB" };
    let wrong = || format!("{text:?} is not a size (expected for instance {examples})");
    let text_trimmed = text.trim();
    let end = text_trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text_trimmed.len());
    let (number, unit) = text_trimmed.split_at(end);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        "%" if number <= 100.0 => whole.ok_or_else(wrong)? as f64 / 100.0,
        _ => return Err(wrong()),
    };
    let bytes = number * factor;
    // More than a file offset can say, no disk has.
    if bytes >= i64::MAX as f64 {
        return Err(format!("{text:?} is more than there can be"));
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse("10GB", None), Ok(10_000_000_000));
        assert_eq!(parse("1.5 GiB", None), Ok(1_610_612_736));
        assert_eq!(parse("20%", Some(1000)), Ok(200));
        assert_eq!(parse("7", None), Ok(7));
        assert_eq!(parse("100%", Some(1000)), Ok(1000));
        assert!(parse("101%", Some(1000)).is_err());
        assert_eq!(parse("9000000TB", None), Ok(9_000_000_000_000_000_000));
        assert!(parse("10000000TB", None).unwrap_err().contains("more than there can be"));
        assert!(
            parse("20%", None).is_err() && parse("x", None).is_err() && parse("5 parsecs", None).is_err()
        );
    }
}
