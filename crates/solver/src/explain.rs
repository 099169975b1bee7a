//! Why an earlier result could not be used.

use kukri_model::Digest;

use crate::cache::Earlier;
use crate::observe::MissReason;

/// Why a run with a key of these parts is needed: compares it with earlier runs, latest first, and takes the nearest.
#[must_use]
pub fn explain(parts: &[(String, Digest)], earlier: &[Earlier]) -> MissReason {
    let nearest =
        earlier.iter().map(|run| (differing(parts, &run.parts), run)).min_by_key(|(names, _)| names.len());
    match nearest {
        None => MissReason::FirstRun,
        Some((parts, Earlier { other: Some(other), .. })) => {
            MissReason::Replaces { other: other.clone(), parts }
        }
        Some((names, run)) if names.is_empty() && run.failed => MissReason::Failed,
        // The very same key: it was stored once.
        Some((names, _)) if names.is_empty() => MissReason::Evicted,
        Some((names, _)) => MissReason::Changed(names),
    }
}

/// Names of the parts that are not the same on both sides, in the order of the key, then of the earlier run. A name
/// may occur more than once; then its occurrences are compared one by one. Where only the order is another one, the
/// first name says so.
fn differing(parts: &[(String, Digest)], earlier: &[(String, Digest)]) -> Vec<String> {
    // Nearly always the names are the same: compare side by side, without looking anything up.
    let aligned = parts.len() == earlier.len() && parts.iter().zip(earlier).all(|(a, b)| a.0 == b.0);
    let mut names: Vec<String> = if aligned {
        parts.iter().zip(earlier).filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0.clone()).collect()
    } else {
        let mut left = std::collections::HashMap::<&(String, Digest), usize>::new();
        for part in earlier {
            *left.entry(part).or_default() += 1;
        }
        let mut names = Vec::new();
        for part in parts {
            match left.get_mut(part) {
                Some(count) if *count > 0 => *count -= 1,
                _ => names.push(part.0.clone()),
            }
        }
        for part in earlier {
            if let Some(count) = left.get_mut(part)
                && *count > 0
            {
                *count -= 1;
                names.push(part.0.clone());
            }
        }
        names
    };
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    if names.is_empty() && parts != earlier {
        names = parts.iter().zip(earlier).filter(|(a, b)| a != b).map(|(a, _)| a.0.clone()).collect();
        if let Some(first) = names.first_mut() {
            first.insert_str(0, "order of ");
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[(&str, &str)]) -> Vec<(String, Digest)> {
        parts.iter().map(|(name, value)| ((*name).to_owned(), Digest::of(value.as_bytes()))).collect()
    }

    fn same_step(parts: Vec<(String, Digest)>) -> Earlier {
        Earlier { parts, other: None, failed: false }
    }

    #[test]
    fn a_run_of_another_step_is_named() {
        let key = parts(&[("args", "x y"), ("input", "1")]);
        let other = Some("step x".to_owned());
        let other = Earlier { other, ..same_step(parts(&[("args", "x"), ("input", "1")])) };
        let parts = vec!["args".to_owned()];
        assert_eq!(explain(&key, &[other]), MissReason::Replaces { other: "step x".to_owned(), parts });
    }

    #[test]
    fn the_nearest_run_explains() {
        let key = parts(&[("args", "x"), ("input", "1"), ("env A", "a")]);
        assert_eq!(explain(&key, &[]), MissReason::FirstRun);
        assert_eq!(explain(&key, &[same_step(key.clone())]), MissReason::Evicted);
        let far = parts(&[("args", "y"), ("input", "2"), ("env A", "a")]);
        let near = parts(&[("args", "x"), ("input", "2"), ("env A", "a")]);
        assert_eq!(
            explain(&key, &[same_step(far), same_step(near)]),
            MissReason::Changed(vec!["input".into()])
        );
    }

    #[test]
    fn a_run_that_failed_explains_like_any_other() {
        let key = parts(&[("args", "x"), ("input", "1")]);
        let failed = |parts| Earlier { failed: true, ..same_step(parts) };
        assert_eq!(explain(&key, &[failed(key.clone())]), MissReason::Failed);
        let other = parts(&[("args", "x"), ("input", "2")]);
        assert_eq!(explain(&key, &[failed(other.clone())]), MissReason::Changed(vec!["input".into()]));
        assert_eq!(explain(&key, &[same_step(other), failed(key.clone())]), MissReason::Failed);
        // Of two runs with this key the latest counts.
        assert_eq!(explain(&key, &[same_step(key.clone()), failed(key.clone())]), MissReason::Evicted);
    }

    #[test]
    fn another_order_of_the_same_parts_is_no_lost_result() {
        let key = parts(&[("args", "x"), ("env B", "b"), ("env A", "a"), ("mount", "1")]);
        let earlier = parts(&[("args", "x"), ("env A", "a"), ("env B", "b"), ("mount", "1")]);
        assert_eq!(
            explain(&key, &[same_step(earlier)]),
            MissReason::Changed(vec!["order of env B".into(), "env A".into()])
        );
    }

    #[test]
    fn added_and_removed_parts_are_named_once() {
        let key = parts(&[("args", "x"), ("env B", "b"), ("mount", "1"), ("mount", "2")]);
        let earlier = parts(&[("args", "x"), ("env A", "a"), ("mount", "1"), ("mount", "3")]);
        assert_eq!(
            explain(&key, &[same_step(earlier)]),
            MissReason::Changed(vec!["env B".into(), "mount".into(), "env A".into()])
        );
    }
}
