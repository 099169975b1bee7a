//! Lines with colours, cut to a width.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// What a piece of a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
}

impl Style {
    /// Parameter of the ANSI sequence "select graphic rendition".
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("1;31"),
        }
    }
}

/// A line of pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Styled {
    pieces: Vec<(Style, String)>,
    /// The piece that is shortened first.
    flexible: Option<usize>,
}

/// Columns that are left of the piece which is shortened first.
const LEAST: usize = 12;

impl Styled {
    /// Adds a piece.
    pub(crate) fn add(&mut self, style: Style, text: &str) -> &mut Self {
        self.pieces.push((style, text.to_owned()));
        self
    }

    /// Adds a piece that is shortened before others are cut: what comes after it matters more than its end.
    pub(crate) fn add_flexible(&mut self, style: Style, text: &str) -> &mut Self {
        self.flexible = Some(self.pieces.len());
        self.add(style, text)
    }

    /// How many columns it takes.
    pub(crate) fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| width(text)).sum()
    }

    /// The line, cut to `width` columns; what was cut ends with `…`.
    pub(crate) fn render(&self, columns: usize, colour: bool) -> String {
        let total = self.width();
        let excess = total.saturating_sub(columns);
        let shorter = self.flexible.filter(|_| excess > 0).map(|index| {
            let text = &self.pieces[index].1;
            let own = width(text);
            (index, cut(text, own.saturating_sub(excess).max(LEAST.min(own))), own)
        });
        let total = shorter.as_ref().map_or(total, |(_, text, own)| total - own + width(text));
        let mut left = if total > columns { columns.saturating_sub(1) } else { columns };
        let mut out = String::new();
        for (index, (style, text)) in self.pieces.iter().enumerate() {
            let text = match &shorter {
                Some((at, text, _)) if *at == index => text,
                _ => text.as_str(),
            };
            let shown = &text[..fitting(text, left)];
            left -= width(shown);
            match style.code().filter(|_| colour && !shown.is_empty()) {
                Some(code) => out.push_str(&format!("\u{1b}[{code}m{shown}\u{1b}[0m")),
                None => out.push_str(shown),
            }
            if shown.len() < text.len() {
                break;
            }
        }
        if total > columns && columns > 0 {
            out.push('…');
        }
        out
    }
}

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Rows that a text takes where it is broken after so many columns. A character of two columns is not broken.
pub(crate) fn rows(text: &str, width: usize) -> usize {
    let (mut rows, mut used) = (1, 0);
    for c in text.chars() {
        let own = columns(c);
        if used + own > width.max(own) {
            (rows, used) = (rows + 1, 0);
        }
        used += own;
    }
    rows
}

/// A text cut to so many columns; what was cut ends with `…`.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    match columns.checked_sub(1) {
        Some(room) => Cow::Owned(format!("{}…", &text[..fitting(text, room)])),
        None => Cow::Borrowed(""),
    }
}

/// Bytes of the text that fit.
fn fitting(text: &str, mut columns_left: usize) -> usize {
    text.char_indices()
        .find(|(_, c)| match columns_left.checked_sub(columns(*c)) {
            Some(rest) => {
                columns_left = rest;
                false
            }
            None => true,
        })
        .map_or(text.len(), |(at, _)| at)
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_columns() {
        let mut line = Styled::default();
        line.add(Style::Plain, "ab").add(Style::Bad, "字字");
        assert_eq!(line.render(6, false), "ab字字");
        assert_eq!(line.render(5, false), "ab字…");
        assert_eq!(line.render(4, false), "ab…", "half a character is not shown");
        assert_eq!(line.render(1, false), "…");
        assert_eq!(line.render(0, false), "");
        assert_eq!(line.render(5, true), "ab\u{1b}[1;31m字\u{1b}[0m…");
    }

    #[test]
    fn rows_of_broken_lines() {
        let of = |text, width| rows(text, width);
        assert_eq!([of("", 3), of("abc", 3), of("abcd", 3), of("abcdefg", 3)], [1, 1, 2, 3]);
        assert_eq!(of("字字字", 3), 3, "half a character is in no row");
        assert_eq!([of("a字字", 3), of("字", 1), of("字字", 0)], [2, 1, 2]);
    }

    #[test]
    fn a_long_label_leaves_room_for_what_comes_after_it() {
        let mut line = Styled::default();
        line.add(Style::Plain, "● ")
            .add_flexible(Style::Bad, "withExec sh -c 字字字字字字")
            .add(Style::Dim, "  1.5s");
        assert_eq!(line.width(), 35);
        assert_eq!(line.render(35, false), "● withExec sh -c 字字字字字字  1.5s");
        assert_eq!(line.render(27, false), "● withExec sh -c 字…  1.5s", "half a character is not shown");
        assert_eq!(line.render(20, false), "● withExec sh…  1.5s");
        assert_eq!(line.render(18, false), "● withExec sh…  1…", "something of it is always left");
        assert_eq!(line.render(20, true), "● \u{1b}[1;31mwithExec sh…\u{1b}[0m\u{1b}[2m  1.5s\u{1b}[0m");
    }
}
