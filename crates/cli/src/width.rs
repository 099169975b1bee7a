//! How wide help is, and texts that are broken into lines of that width.

use std::io::IsTerminal;

use crate::settings::variable;

/// Wider than this nobody reads.
const MOST: usize = 100;
/// Narrower than this there would be a word on each line.
const LEAST: usize = 40;

/// Columns of what is printed for people on standard output: those of the terminal, else of `COLUMNS`, at most 100.
pub fn of_help() -> usize {
    let stdout = std::io::stdout();
    let terminal = rustix::termios::tcgetwinsize(&stdout).ok().filter(|_| stdout.is_terminal());
    let columns = terminal.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    let columns = columns.or_else(|| variable("COLUMNS")?.parse().ok().filter(|columns| *columns > 0));
    columns.unwrap_or(MOST).clamp(LEAST, MOST)
}

/// Breaks the lines of a text between words. What follows stands below the second column of its line, if there is one, else
/// below its beginning.
pub fn wrapped(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 20);
    for line in text.lines() {
        let beginning = line.len() - line.trim_start().len();
        let second = line[beginning..].find("  ").map(|at| {
            let rest = &line[beginning + at..];
            beginning + at + rest.len() - rest.trim_start().len()
        });
        let hanging = second.filter(|at| *at <= columns / 2).unwrap_or(beginning);
        let (first, rest) = line.split_at(hanging);
        let mut used = first.chars().count();
        out.push_str(first);
        let mut begun = false;
        for word in rest.split(' ') {
            let length = word.chars().count();
            if begun && used + 1 + length > columns {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', hanging));
                used = hanging;
            } else if begun {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += length;
            begun = true;
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_below_where_they_begin() {
        let text = "one two three four\n\n  five six seven eight\n  130     nine ten eleven twelve\n  é-a-word-that-is-longer-than-a-line x\n";
        assert_eq!(
            wrapped(text, 20),
            "\
one two three four

  five six seven
  eight
  130     nine ten
          eleven
          twelve
  é-a-word-that-is-longer-than-a-line
  x
"
        );
        assert_eq!(wrapped(text, 200), text);
        assert_eq!(wrapped("", 20), "");
    }
}
