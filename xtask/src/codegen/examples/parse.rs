//! How examples are written: `container.from(address: "alpine").withExec(args: ["true"]).exitCode`.
//!
//! Several of them, with `;` between, are evaluated one after the other.

/// Steps from the root.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain(pub Vec<Step>);

/// One field with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Name on the wire.
    pub field: String,
    /// Arguments by name.
    pub args: Vec<(String, Literal)>,
}

/// The value of an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A text, a number, a truth value or null.
    Json(serde_json::Value),
    /// The member of an enum: in capitals.
    Member(String),
    /// A list.
    List(Vec<Literal>),
    /// An input object.
    Object(Vec<(String, Literal)>),
    /// An object of the API.
    Chain(Chain),
}

/// Reads an example: its chains, of which there is at least one.
pub fn parse(text: &str) -> Result<Vec<Chain>, String> {
    let mut parser = Parser { text, at: 0 };
    let mut chains = vec![parser.chain()?];
    while parser.take(';') {
        chains.push(parser.chain()?);
    }
    parser.skip();
    if parser.at < text.len() { Err(parser.wrong("the end")) } else { Ok(chains) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\n', ',']).len();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(self.wrong(&format!("{wanted:?}"))) }
    }

    fn wrong(&self, wanted: &str) -> String {
        format!("expected {wanted} before {:?}", &self.text[self.at..])
    }

    fn word(&mut self) -> Result<String, String> {
        self.skip();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wrong("a name"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    fn chain(&mut self) -> Result<Chain, String> {
        let mut steps = Vec::new();
        loop {
            let field = self.word()?;
            let args = if self.take('(') { self.named(')')? } else { Vec::new() };
            steps.push(Step { field, args });
            if !self.take('.') {
                return Ok(Chain(steps));
            }
        }
    }

    fn named(&mut self, end: char) -> Result<Vec<(String, Literal)>, String> {
        let mut named = Vec::new();
        while !self.take(end) {
            let name = self.word()?;
            self.expect(':')?;
            named.push((name, self.literal()?));
        }
        Ok(named)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        let Some(first) = self.peek() else { return Err(self.wrong("a value")) };
        if self.take('[') {
            let mut items = Vec::new();
            while !self.take(']') {
                items.push(self.literal()?);
            }
            return Ok(Literal::List(items));
        }
        if self.take('{') {
            return Ok(Literal::Object(self.named('}')?));
        }
        if first == '"' || first == '-' || first.is_ascii_digit() {
            return self.json();
        }
        if first.is_ascii_uppercase() {
            return Ok(Literal::Member(self.word()?));
        }
        let start = self.at;
        match self.word()?.as_str() {
            "true" => Ok(Literal::Json(true.into())),
            "false" => Ok(Literal::Json(false.into())),
            "null" => Ok(Literal::Json(serde_json::Value::Null)),
            _ => {
                self.at = start;
                Ok(Literal::Chain(self.chain()?))
            }
        }
    }

    /// A text or a number. The end of a number is looked for here: a reader of JSON wants a space after it.
    fn json(&mut self) -> Result<Literal, String> {
        let rest = &self.text[self.at..];
        let number = rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(rest.len());
        let end = if number > 0 { number } else { rest.len() };
        let mut values = serde_json::Deserializer::from_str(&rest[..end]).into_iter::<serde_json::Value>();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(Literal::Json(value))
            }
            _ => Err(self.wrong("a text or a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(field: &str, args: Vec<(&str, Literal)>) -> Step {
        let args = args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Step { field: field.to_owned(), args }
    }

    #[test]
    fn steps_and_literals() {
        let chain = parse(
            r#"a.b(text: "x\n(", n: -4, on: true, list: [1, 2], mode: LOCKED, of: c(n: 1).d, in: {p: 1}).e"#,
        )
        .unwrap();
        let inner = Chain(vec![step("c", vec![("n", Literal::Json(1.into()))]), step("d", vec![])]);
        let args = vec![
            ("text", Literal::Json("x\n(".into())),
            ("n", Literal::Json((-4).into())),
            ("on", Literal::Json(true.into())),
            ("list", Literal::List(vec![Literal::Json(1.into()), Literal::Json(2.into())])),
            ("mode", Literal::Member("LOCKED".to_owned())),
            ("of", Literal::Chain(inner)),
            ("in", Literal::Object(vec![("p".to_owned(), Literal::Json(1.into()))])),
        ];
        assert_eq!(chain, [Chain(vec![step("a", vec![]), step("b", args), step("e", vec![])])]);
    }

    #[test]
    fn one_after_the_other() {
        let chains = parse("a;\n b").unwrap();
        assert_eq!(chains, [Chain(vec![step("a", vec![])]), Chain(vec![step("b", vec![])])]);
    }

    #[test]
    fn mistakes_are_told() {
        for text in ["", "a.", "a(", "a(b)", "a(b: )", "a b", "a(b: \"x)", "a(b: [1)", "a;"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
