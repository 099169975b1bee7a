//! "Did you mean": the names nearest to one that does not exist.

/// Longest name that is compared; longer ones are no slip of the fingers.
const LONGEST: usize = 80;

/// Most names that are offered.
const MOST: usize = 5;

/// A sentence with the names of `options` nearest to `name`, with a leading space; empty if none is near.
pub(crate) fn did_you_mean<'a>(name: &str, options: impl Iterator<Item = &'a str>) -> String {
    if name.len() > LONGEST {
        return String::new();
    }
    let limit = name.len() * 2 / 5 + 1;
    let mut near: Vec<(usize, &str)> = options
        .filter(|option| option.len().abs_diff(name.len()) <= limit)
        .map(|option| (distance(name, option), option))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort_unstable();
    let quoted: Vec<String> = near.iter().take(MOST).map(|(_, option)| format!("{option:?}")).collect();
    sentence(" Did you mean ", &quoted)
}

/// `lead` and the names with commas and an "or"; empty if there are no names.
pub(crate) fn sentence(lead: &str, quoted: &[String]) -> String {
    match quoted {
        [] => String::new(),
        [one] => format!("{lead}{one}?"),
        [one, two] => format!("{lead}{one} or {two}?"),
        [first @ .., last] => format!("{lead}{}, or {last}?", first.join(", ")),
    }
}

/// Edits from `a` to `b`; upper and lower case count as the same letter.
fn distance(a: &str, b: &str) -> usize {
    let a = a.as_bytes();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, y) in b.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, x) in a.iter().enumerate() {
            let cost = usize::from(!x.eq_ignore_ascii_case(&y));
            let next = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered() {
        let names = ["withExec", "withEnvVariable", "withFile", "stdout", "stderr"];
        assert_eq!(
            did_you_mean("withexec", names.into_iter()),
            " Did you mean \"withExec\" or \"withFile\"?"
        );
        assert_eq!(did_you_mean("stdot", names.into_iter()), " Did you mean \"stdout\" or \"stderr\"?");
        assert_eq!(did_you_mean("platform", names.into_iter()), "");
        assert_eq!(did_you_mean(&"x".repeat(1000), names.into_iter()), "");
    }

    #[test]
    fn edits() {
        assert_eq!(
            (
                distance("abc", "abc"),
                distance("abc", "abd"),
                distance("", "ab"),
                distance("kitten", "sitting")
            ),
            (0, 1, 2, 3)
        );
    }
}
