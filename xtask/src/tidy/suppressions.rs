//! A check of Python that is switched off for a line has its reason beside it, and so has a test that is left out.

use super::repo::Repo;
use super::{Finding, line_of};

/// What switches a check off, without the names of the rules: that these are there is ruff's to say.
const MARKS: &[&str] = &["# noqa", "# type: ignore", "# pyright: ignore"];

/// What leaves out a test, or bears its failure.
const LEFT_OUT: &[&str] = &["pytest.mark.skip", "pytest.mark.xfail", "pytest.skip", "unittest.skip"];

/// Lines of Python files that switch a check off, or leave out a test, and do not say why.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".py") {
        for (index, line) in text.lines().enumerate() {
            for mark in MARKS.iter().filter(|mark| lacks_reason(line, mark)) {
                let what = format!("`{mark}` without a reason");
                let help = "write the code in another way, or add ` - ` and why this is right here";
                findings.push(Finding::new(path, index + 1, what, help));
            }
        }
        for name in LEFT_OUT {
            for (at, _) in text
                .match_indices(name)
                .filter(|(at, _)| is_code(text, *at) && left_out_silently(&text[*at..]))
            {
                let help = "write `reason=\"…\"`, which is shown when the test is left out";
                findings.push(Finding::new(
                    path,
                    line_of(text, at),
                    format!("`{name}` without a reason"),
                    help,
                ));
            }
        }
    }
    findings
}

/// Not in a comment or in the middle of a text.
fn is_code(text: &str, at: usize) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    line.chars().all(|c| !matches!(c, '#' | '"' | '\''))
}

/// Whether a call or a bare decorator at the start of `code` says nothing.
fn left_out_silently(code: &str) -> bool {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_').unwrap_or(code.len());
    let Some(arguments) = code[end..].strip_prefix('(') else { return true };
    let (mut depth, mut quote) = (1, None);
    let end = arguments
        .find(|c| {
            match (c, quote) {
                (_, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                ('(', None) => depth += 1,
                (')', None) => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .unwrap_or(arguments.len());
    let arguments = &arguments[..end];
    let said = match arguments.split_once("reason=") {
        Some((_, said)) => said,
        // Its first argument is the reason.
        None if code.starts_with("pytest.skip(") || code.starts_with("unittest.skip(") => arguments,
        None => return true,
    };
    said.trim().trim_matches(|c| matches!(c, '"' | '\'' | 'f')).trim().is_empty()
}

fn lacks_reason(line: &str, mark: &str) -> bool {
    line.split_once(mark)
        .is_some_and(|(_, rest)| rest.split_once(" - ").is_none_or(|(_, reason)| reason.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_are_left_out_say_why() {
        let said = |code: &str| check(&Repo::of([("a.py", code)])).len();
        for silent in [
            "@pytest.mark.skip\ndef test_a(): ...\n",
            "@pytest.mark.skip()\ndef test_a(): ...\n",
            "@pytest.mark.skip(reason=\"\")\ndef test_a(): ...\n",
            "@pytest.mark.skipif(\n    f(1),\n)\ndef test_a(): ...\n",
            "@pytest.mark.xfail\ndef test_a(): ...\n",
            "    pytest.skip()\n",
            "    pytest.skip(\"\")\n",
        ] {
            assert_eq!(said(silent), 1, "{silent}");
        }
        for speaking in [
            "@pytest.mark.skip(reason=\"no disk\")\n",
            "@pytest.mark.skipif(\n    not f(\")\"), reason=\"no disk\"\n)\n",
            "    pytest.skip(f\"no {disk}\")\n    pytest.skip(why)\n",
            "# pytest.mark.skip\n",
        ] {
            assert_eq!(said(speaking), 0, "{speaking}");
        }
    }

    #[test]
    fn wants_a_reason() {
        let repo = Repo::of([
            (
                "a.py",
                "x = 1\nx = 1  # noqa: E702\nx = 2  # type: ignore[index] - \nx = 3  # noqa: N801 - the API's\n",
            ),
            ("b.py", "x = 1  # pyright: ignore[reportIndexIssue]"),
            ("c.rs", "// # noqa: X"),
        ]);
        let places: Vec<_> = check(&repo).into_iter().map(|finding| (finding.file, finding.line)).collect();
        assert_eq!(places, [("a.py".to_owned(), 2), ("a.py".to_owned(), 3), ("b.py".to_owned(), 1)]);
    }
}
