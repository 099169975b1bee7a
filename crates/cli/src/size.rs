//! Sizes and durations as people write them.

use std::time::Duration;

/// Bytes: `512MB`, `10GiB`, `1000`, or a percentage of `whole`.
pub fn parse(text: &str, whole: Option<u64>) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size (expected for instance 512MB, 10GiB or 20%)");
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
        "%" => whole.ok_or_else(wrong)? as f64 / 100.0,
        _ => return Err(wrong()),
    };
    Ok((number * factor) as u64)
}

/// A duration: `90s`, `15m`, `36h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration (expected for instance 90s, 15m, 36h or 7d)");
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs_f64(number * factor))
}

/// Bytes for people.
pub fn human(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
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
        assert!(
            parse("20%", None).is_err() && parse("x", None).is_err() && parse("5 parsecs", None).is_err()
        );
        assert_eq!(human(999), "999 B");
        assert_eq!(human(1_500_000), "1.5 MB");
    }

    #[test]
    fn durations() {
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert!(duration("soon").is_err());
    }
}
