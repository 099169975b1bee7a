//! Durations as texts: `1h30m`, `250ms`, `1.5s`.

use crate::error::OpError;

/// Units with their nanoseconds, longer names before their beginnings.
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of `text`: numbers, each with its unit, one after the other; `0` needs none. Never negative.
pub fn parse(text: &str) -> Result<i64, OpError> {
    let wrong = || {
        OpError::new(format!(
            "{text:?} is not a duration: expected numbers with a unit (ns, us, ms, s, m, h), such as \"30s\" or \"1m30s\""
        ))
    };
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    let mut total: i128 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(wrong());
        }
        let (name, unit) = UNITS.iter().find(|(name, _)| after.starts_with(name)).ok_or_else(wrong)?;
        // More digits than nanoseconds have say nothing.
        let fraction = &fraction[..fraction.len().min(18)];
        let scale = 10_i128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let digits = |digits: &str| -> Result<i128, OpError> {
            if digits.is_empty() { Ok(0) } else { digits.parse().map_err(|_| wrong()) }
        };
        let whole = digits(whole)?.checked_mul(*unit).ok_or_else(wrong)?;
        total = total.checked_add(whole + digits(fraction)? * unit / scale).ok_or_else(wrong)?;
        rest = &after[name.len()..];
    }
    i64::try_from(total).map_err(|_| wrong())
}

/// The text of `nanoseconds`: hours, minutes and seconds with what is in them, or one smaller unit; `0s` for nothing.
#[must_use]
pub fn format(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let text = match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(total, 1_000_000)),
        _ => {
            let minutes = total / 60_000_000_000;
            let seconds = decimal(total % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// `value / unit` with as many digits after the point as are needed.
fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, nanoseconds, again) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("30s", 30_000_000_000, "30s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1h", 3_600_000_000_000, "1h0m0s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("250ms", 250_000_000, "250ms"),
            (".5s", 500_000_000, "500ms"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("1m0.25s", 60_250_000_000, "1m0.25s"),
            ("1500us", 1_500_000, "1.5ms"),
            ("7ns", 7, "7ns"),
            ("1.00000000000000000000000001s", 1_000_000_000, "1s"),
        ] {
            assert_eq!(parse(text).unwrap(), nanoseconds, "{text}");
            assert_eq!(format(nanoseconds), again, "{text}");
        }
        assert_eq!(format(-1_500_000_000), "-1.5s");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "s", "1", "1 s", "-1s", "1x", ".s", "1..2s", "1s2", "99999999999h", &"9".repeat(60)]
        {
            assert!(parse(text).unwrap_err().to_string().contains("is not a duration"), "{text}");
        }
        let long = format!("{}h", "9".repeat(60));
        assert!(parse(&long).is_err());
    }
}
