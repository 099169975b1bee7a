//! Docstrings.

use super::super::names;

/// Longest line of a generated file.
const WIDTH: usize = 110;

/// The lines of a text, those of a paragraph as one. Blocks of code and lists keep their lines.
fn paragraphs(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut code = false;
    let mut open = false;
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        let apart = code || fence || line.is_empty() || line.starts_with([' ', '-', '*', '|', '#']);
        code ^= fence;
        match lines.last_mut() {
            Some(last) if open && !apart => {
                last.push(' ');
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
        open = !apart;
    }
    lines
}

/// A docstring under construction.
pub struct Docstring {
    indent: usize,
    lines: Vec<String>,
}

impl Docstring {
    /// With the text of the registry.
    pub fn new(indent: usize, text: &str) -> Self {
        let mut doc = Self { indent, lines: Vec::new() };
        let mut first = true;
        for line in paragraphs(&names::in_text(text)) {
            doc.wrap(&line, if first { 3 } else { 0 }, 0, 0);
            first = false;
        }
        if doc.lines.is_empty() {
            doc.lines.push("Not described yet.".to_owned());
        }
        doc
    }

    /// A section such as `Args`, each entry with its text.
    pub fn section(&mut self, title: &str, entries: &[(String, String)]) {
        if entries.is_empty() {
            return;
        }
        self.lines.push(String::new());
        self.lines.push(format!("{title}:"));
        for (name, text) in entries {
            let text = names::in_text(&text.split_whitespace().collect::<Vec<_>>().join(" "));
            self.wrap(&if name.is_empty() { text } else { format!("{name}: {text}") }, 0, 4, 8);
        }
    }

    /// An example: lines of a program, which stay as they are. A comment at the end is broken where it is too long.
    pub fn example(&mut self, lines: &[String]) {
        self.lines.extend([String::new(), "Example:".to_owned(), "    ```python".to_owned()]);
        for line in lines {
            if line.starts_with('#') {
                let mut from = self.lines.len();
                self.wrap(line, 0, 4, 4);
                // What follows is a comment as well.
                from += 1;
                for line in &mut self.lines[from..] {
                    line.insert_str(4, "# ");
                }
            } else {
                self.lines.push(format!("    {}", escaped(line)));
            }
        }
        self.lines.push("    ```".to_owned());
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.lines.push(String::new());
        self.wrap(text, 0, 0, 0);
    }

    /// Appends a line, broken where it is too long.
    fn wrap(&mut self, text: &str, taken: usize, indent: usize, further: usize) {
        let text = escaped(text);
        let mut line = " ".repeat(indent);
        let mut used = self.indent + taken + indent;
        let mut empty = true;
        for word in text.split(' ') {
            let width = word.chars().count();
            if !empty && used + 1 + width > WIDTH - 3 {
                self.lines.push(std::mem::replace(&mut line, " ".repeat(further)));
                used = self.indent + further;
                empty = true;
            }
            if !empty {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += width;
            empty = false;
        }
        self.lines.push(line.trim_end().to_owned());
    }

    /// The text, with its quotes and a newline.
    pub fn finish(&self) -> String {
        let indent = " ".repeat(self.indent);
        let mut out = format!("{indent}\"\"\"{}", self.lines[0]);
        if self.lines.len() == 1 {
            // A quote at the end would end the docstring one too early.
            let space = if out.ends_with('"') { " " } else { "" };
            return format!("{out}{space}\"\"\"\n");
        }
        for line in &self.lines[1..] {
            out.push('\n');
            if !line.is_empty() {
                out.push_str(&indent);
                out.push_str(line);
            }
        }
        format!("{out}\n{indent}\"\"\"\n")
    }
}

/// A text in a docstring.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_wrapped_as_a_whole() {
        let text = "One\ntwo.\n\nThree\nfour:\n- five\n- six\n```\nseven\neight\n```\nnine\nten";
        let lines =
            ["One two.", "", "Three four:", "- five", "- six", "```", "seven", "eight", "```", "nine ten"];
        assert_eq!(paragraphs(text), lines);
    }
}
