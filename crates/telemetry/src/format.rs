//! Durations and sizes for people.

/// Nanoseconds as `0.0s`, `12.3s`, `4m05s` or `2h03m`.
#[must_use]
pub fn duration(ns: u64) -> String {
    let tenths = ns.saturating_add(50_000_000) / 100_000_000;
    let seconds = tenths / 10;
    match seconds {
        0..60 => format!("{seconds}.{}s", tenths % 10),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Nanoseconds in whole seconds, rounded up: what an estimate is worth. `1s`, `4m05s`, `2h03m`.
#[must_use]
pub fn rounded(ns: u64) -> String {
    let seconds = ns.div_ceil(1_000_000_000);
    match seconds {
        0..60 => format!("{seconds}s"),
        _ => duration(seconds.saturating_mul(1_000_000_000)),
    }
}

/// Seconds with milliseconds, `0.531`.
#[must_use]
pub fn seconds(ns: u64) -> String {
    let ms = ns / 1_000_000;
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Bytes in decimal units: `999 B`, `1.5 kB`, `35.0 MB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes / 100;
    for unit in ["kB", "MB", "GB", "TB"] {
        if tenths < 10_000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        tenths /= 1000;
    }
    format!("{} PB", tenths / 10)
}

/// `current` and `total` in their unit: `1.0 MB / 3.0 MB`, `12 / 40 files`.
#[must_use]
pub fn progress(current: u64, total: Option<u64>, unit: &str) -> String {
    let amount = |n: u64| if unit == "bytes" { bytes(n) } else { n.to_string() };
    let mut text = amount(current);
    if let Some(total) = total {
        text.push_str(" / ");
        text.push_str(&amount(total));
    }
    if unit != "bytes" && !unit.is_empty() {
        text.push(' ');
        text.push_str(unit);
    }
    text
}

/// A number of files.
#[must_use]
pub fn files(count: u64) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (ns, text) in [
            (0, "0.0s"),
            (49_999_999, "0.0s"),
            (1_250_000_000, "1.3s"),
            (59_990_000_000, "1m00s"),
            (245_000_000_000, "4m05s"),
            (7_380_000_000_000, "2h03m"),
        ] {
            assert_eq!(duration(ns), text);
        }
        for (ns, text) in [(0, "0s"), (1, "1s"), (59_000_000_001, "1m00s"), (u64::MAX, "5124095h34m")] {
            assert_eq!(rounded(ns), text);
        }
        assert_eq!(seconds(531_900_000), "0.531");
        assert_eq!(seconds(61_002_000_000), "61.002");
    }

    #[test]
    fn amounts() {
        for (n, text) in [(999, "999 B"), (1_500, "1.5 kB"), (35_000_000, "35.0 MB"), (999_999, "999.9 kB")] {
            assert_eq!(bytes(n), text);
        }
        assert!(bytes(u64::MAX).ends_with(" PB"));
        assert_eq!(progress(1_000_000, Some(3_000_000), "bytes"), "1.0 MB / 3.0 MB");
        assert_eq!(progress(12, Some(40), "files"), "12 / 40 files");
        assert_eq!(progress(12, None, ""), "12");
        assert_eq!((files(1), files(2)), ("1 file".to_owned(), "2 files".to_owned()));
    }
}
