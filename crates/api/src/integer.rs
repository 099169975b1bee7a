//! Whole numbers as they may be written: the one reader of the API and of the command line.

/// Reads a whole number in decimal, or with `0x`, `0o`, `0b` or a leading zero (octal), all of them with single underscores
/// between digits and behind the prefix; or in decimal without underscores a number whose fraction is zero, such as `1e3`.
/// None for anything else, and for what 64 bits do not hold. Space around it belongs to who calls.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', b'0'..=b'9' | b'_', ..] => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    // Behind a prefix an underscore separates as well.
    let grouped = if radix == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    if grouped.starts_with(['+', '-']) || (digits.contains('_') && grouped.split('_').any(str::is_empty)) {
        return None;
    }
    if let Ok(value) = i128::from_str_radix(&grouped.replace('_', ""), radix) {
        return i64::try_from(if negative { -value } else { value }).ok();
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range: checked in the line before")]
    match text.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < 9e15 && radix == 10 => Some(value as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_in_all_their_forms() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-7", Some(-7)),
            ("0x1F", Some(31)),
            ("0o644", Some(420)),
            ("0644", Some(420)),
            ("0b101", Some(5)),
            ("-0x10", Some(-16)),
            ("3.0", Some(3)),
            ("1e3", Some(1000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1.5", None),
            ("", None),
            ("--1", None),
            ("0x", None),
            ("0x-1", None),
            ("nan", None),
            ("08", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn underscores_separate_digits() {
        for (text, expected) in [
            ("1_000", Some(1000)),
            ("-1_0", Some(-10)),
            ("0_755", Some(493)),
            ("0o_7_5", Some(61)),
            ("0x_ff", Some(255)),
            ("0b1_1", Some(3)),
            ("_1", None),
            ("1_", None),
            ("1__0", None),
            ("0x__1", None),
            ("0x1_", None),
            ("0x_", None),
            ("0_", None),
            ("0x_-1", None),
            ("1_0.0", None),
            ("1_e3", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }
}
