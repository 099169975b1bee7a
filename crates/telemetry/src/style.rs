//! Lines with colours, cut to a width.

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
pub(crate) struct Styled(Vec<(Style, String)>);

impl Styled {
    /// Adds a piece.
    pub(crate) fn add(&mut self, style: Style, text: &str) -> &mut Self {
        self.0.push((style, text.to_owned()));
        self
    }

    /// The line, cut to `width` columns; what was cut ends with `…`.
    pub(crate) fn render(&self, width: usize, colour: bool) -> String {
        let total: usize = self.0.iter().flat_map(|(_, text)| text.chars()).map(columns).sum();
        let mut left = if total > width { width.saturating_sub(1) } else { width };
        let mut out = String::new();
        for (style, text) in &self.0 {
            let end = text
                .char_indices()
                .find(|(_, c)| match left.checked_sub(columns(*c)) {
                    Some(rest) => {
                        left = rest;
                        false
                    }
                    None => true,
                })
                .map(|(at, _)| at);
            let shown = &text[..end.unwrap_or(text.len())];
            match style.code().filter(|_| colour && !shown.is_empty()) {
                Some(code) => out.push_str(&format!("\u{1b}[{code}m{shown}\u{1b}[0m")),
                None => out.push_str(shown),
            }
            if end.is_some() {
                break;
            }
        }
        if total > width && width > 0 {
            out.push('…');
        }
        out
    }
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
}
