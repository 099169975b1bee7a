//! Sizes and durations as people write them.

use std::time::Duration;

pub use kukri_engine::size::parse;

/// Longest duration, in days: a hundred years.
const MOST_DAYS: u64 = 36_500;

/// A duration: `90s`, `15m`, `36h`, `7d`; at most a hundred years.
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
    Duration::try_from_secs_f64(number * factor)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(MOST_DAYS * 86400))
        .ok_or_else(|| format!("{text:?} is too long (expected at most {MOST_DAYS}d)"))
}

/// A text that can be read as something, for values that are read again later.
pub fn checked<T>(
    read: impl Fn(&str) -> Result<T, String> + Clone,
) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| read(text).map(|_| text.to_owned())
}

/// A size or a share of the disk that a cache may have.
pub fn of_cache(text: &str) -> Result<(), String> {
    // Shares are of a disk that is not known yet.
    match parse(text, Some(u64::MAX >> 2))? {
        0 => Err("0 would keep nothing; `kukri cache prune` empties the cache once".to_owned()),
        _ => Ok(()),
    }
}

/// A size or a share of the disk that is left free.
pub fn of_disk(text: &str) -> Result<(), String> {
    parse(text, Some(u64::MAX >> 2)).map(drop)
}

/// For how long results are kept.
pub fn keeping(text: &str) -> Result<(), String> {
    match duration(text)?.is_zero() {
        true => {
            Err("0 would drop each result at once; leave it out to keep them as long as there is room"
                .to_owned())
        }
        false => Ok(()),
    }
}

/// How many containers run at the same time.
pub fn at_once(text: &str) -> Result<u32, String> {
    match whole(text)? {
        0 => Err("0 containers at the same time would run nothing (expected at least 1)".to_owned()),
        count => Ok(count),
    }
}

/// Most processes that a kernel can be asked to allow.
const MOST_PIDS: u32 = 1 << 22;

/// Most processes of one exec; 0 is no limit.
pub fn pids(text: &str) -> Result<i64, String> {
    let count: u32 = whole(text)?;
    if count > MOST_PIDS {
        return Err(format!(
            "{count} processes are more than Linux knows (expected at most {MOST_PIDS}; 0 is no limit)"
        ));
    }
    Ok(count.into())
}

/// Least memory of one exec, in bytes: with less no command can start.
const LEAST_MEMORY: u64 = 1_000_000;

/// Most memory of one exec.
pub fn memory(text: &str) -> Result<i64, String> {
    let bytes = parse(text, None)?;
    if bytes < LEAST_MEMORY {
        return Err(format!(
            "{text:?} is too little for any command (expected at least {})",
            human(LEAST_MEMORY)
        ));
    }
    Ok(i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// A whole number.
pub fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| {
        format!("{text:?} is not a whole number that is possible here (expected for instance 8)")
    })
}

/// What is on or off; empty is off.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" | "" => Ok(false),
        _ => Err(format!(
            "{text:?} is neither on nor off (expected 1, true, yes or on; or 0, false, no or off)"
        )),
    }
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
        assert_eq!(human(999), "999 B");
        assert_eq!(human(1_500_000), "1.5 MB");
    }

    #[test]
    fn durations() {
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert!(duration("soon").is_err());
        assert!(duration("99999999999999999999d").is_err());
        assert_eq!(duration("36500d"), Ok(Duration::from_secs(36_500 * 86_400)));
        assert!(duration("36501d").unwrap_err().contains("at most 36500d"));
        assert!(duration("-1s").is_err() && duration("nan").is_err() && duration("").is_err());
    }

    #[test]
    fn switches() {
        assert_eq!(
            (switch("TRUE"), switch("on"), switch("no"), switch("")),
            (Ok(true), Ok(true), Ok(false), Ok(false))
        );
        assert!(switch("maybe").is_err() && switch("2").is_err() && switch("t").is_err());
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert_eq!((at_once("1"), at_once(" 4294967295")), (Ok(1), Ok(u32::MAX)));
        for text in ["0", "-1", "1.5", "4294967296", "", "many"] {
            assert!(at_once(text).is_err(), "{text}");
        }
        assert_eq!((pids("0"), pids("4194304")), (Ok(0), Ok(4_194_304)));
        assert!(pids("-1").is_err() && pids("4194305").is_err());
        assert_eq!(memory("1MB"), Ok(1_000_000));
        for text in ["0", "999kB", "-1", "20%", "10000000TB", ""] {
            assert!(memory(text).is_err(), "{text}");
        }
        assert!(!memory("20%").unwrap_err().contains("or 20%"), "a share is none of what is expected");
        assert_eq!((of_cache("1"), of_cache("20%")), (Ok(()), Ok(())));
        for text in ["0", "0GB", "0%", "200%", "-5MB", "99999999999999TB", ""] {
            assert!(of_cache(text).is_err(), "{text}");
        }
        assert!(keeping("1s").is_ok() && keeping("0").is_err() && keeping("old").is_err());
    }
}
