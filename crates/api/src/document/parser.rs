//! From text to tables, with explicit stacks instead of recursion.
//!
//! Why our own: the published parsers either recurse (a chain of a few thousand steps ends them or hits their limit),
//! or do not take what clients send: characters beyond U+FFFF, surrogate pairs, whole numbers beyond 64 bits.

use std::sync::Arc;

use super::lexer::{Kind, Lexer, Token};
use super::strings;
use super::{
    Directive, Document, Entry, Fragment, Literal, Location, Operation, OperationKind, Range, Selection,
    SelectionKind, Span, Variable, WrittenType,
};

/// Most selections, values and directives that a document may have together.
pub const MAX_PARTS: usize = 2_000_000;

/// Most lists around a variable's type.
const MAX_LISTS: usize = 16;

/// The text is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Byte at which it is wrong.
    pub at: u32,
}

impl SyntaxError {
    /// Line and column in `text`.
    #[must_use]
    pub fn location(&self, text: &str) -> Location {
        Location::of(text, self.at)
    }
}

type Result<T> = std::result::Result<T, SyntaxError>;

/// Parses an executable document.
pub fn parse(text: &str) -> Result<Document> {
    if u32::try_from(text.len()).is_err() {
        return Err(SyntaxError { message: "The document is larger than 4 GiB.".to_owned(), at: 0 });
    }
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    let document = Document { text: text.into(), ..Document::default() };
    let mut parser = Parser { text, lexer, token, document, pending: Vec::new(), values: Vec::new() };
    if parser.token.kind == Kind::End {
        return Err(parser.unexpected());
    }
    while parser.token.kind != Kind::End {
        parser.definition()?;
    }
    Ok(parser.document)
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    token: Token,
    document: Document,
    /// Selections of the sets that are still open.
    pending: Vec<Selection>,
    /// Values of the lists and objects that are still open.
    values: Vec<Entry>,
}

/// A list or object that is still open.
struct Open {
    first: usize,
    object: bool,
    name: Span,
    start: u32,
}

#[expect(clippy::cast_possible_truncation, reason = "the number of rows is bounded by MAX_PARTS")]
const fn row(index: usize) -> u32 {
    index as u32
}

impl<'a> Parser<'a> {
    fn text_of(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }

    fn describe(&self) -> String {
        let text = self.text_of(self.token.span);
        match self.token.kind {
            Kind::End => "<EOF>".to_owned(),
            Kind::Name => format!("Name {text:?}"),
            Kind::Int => format!("Int {text}"),
            Kind::Float => format!("Float {text}"),
            Kind::String | Kind::BlockString => "String".to_owned(),
            Kind::Punctuator(_) | Kind::Spread => format!("{text:?}"),
        }
    }

    fn unexpected(&self) -> SyntaxError {
        SyntaxError {
            message: format!("Syntax Error: Unexpected {}.", self.describe()),
            at: self.token.span.start,
        }
    }

    fn expected(&self, what: &str) -> SyntaxError {
        let message = format!("Syntax Error: Expected {what}, found {}.", self.describe());
        SyntaxError { message, at: self.token.span.start }
    }

    fn advance(&mut self) -> Result<Token> {
        Ok(std::mem::replace(&mut self.token, self.lexer.next()?))
    }

    fn at(&self, punctuator: u8) -> bool {
        self.token.kind == Kind::Punctuator(punctuator)
    }

    fn skip(&mut self, punctuator: u8) -> Result<bool> {
        let found = self.at(punctuator);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn require(&mut self, punctuator: u8) -> Result<Token> {
        if self.at(punctuator) {
            self.advance()
        } else {
            Err(self.expected(&format!("\"{}\"", char::from(punctuator))))
        }
    }

    fn name(&mut self) -> Result<Span> {
        if self.token.kind == Kind::Name { Ok(self.advance()?.span) } else { Err(self.expected("Name")) }
    }

    fn keyword(&self) -> &'a str {
        if self.token.kind == Kind::Name { self.text_of(self.token.span) } else { "" }
    }

    fn limit(&self) -> Result<()> {
        let document = &self.document;
        let parts = document.selections.len()
            + document.entries.len()
            + document.directives.len()
            + document.variables.len()
            + self.pending.len()
            + self.values.len();
        if parts < MAX_PARTS {
            return Ok(());
        }
        let message = format!(
            "The document has more than {MAX_PARTS} parts: continue long chains from node(id:) in several requests."
        );
        Err(SyntaxError { message, at: self.token.span.start })
    }

    fn definition(&mut self) -> Result<()> {
        let at = self.token.span.start;
        let kind = match self.keyword() {
            "" if self.at(b'{') => {
                let selections = self.selection_set()?;
                self.document.operations.push(Operation {
                    kind: OperationKind::Query,
                    name: None,
                    at,
                    variables: Range::default(),
                    directives: Range::default(),
                    selections,
                });
                return Ok(());
            }
            "query" => OperationKind::Query,
            "mutation" => OperationKind::Mutation,
            "subscription" => OperationKind::Subscription,
            "fragment" => return self.fragment(),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        let name = if self.token.kind == Kind::Name { Some(self.name()?) } else { None };
        let variables = self.variables()?;
        let directives = self.directives()?;
        let selections = self.selection_set()?;
        self.document.operations.push(Operation { kind, name, at, variables, directives, selections });
        Ok(())
    }

    fn fragment(&mut self) -> Result<()> {
        self.advance()?;
        if self.keyword() == "on" {
            return Err(self.unexpected());
        }
        let name = self.name()?;
        if self.keyword() != "on" {
            return Err(self.expected("\"on\""));
        }
        self.advance()?;
        let on = self.name()?;
        let directives = self.directives()?;
        let selections = self.selection_set()?;
        self.document.fragments.push(Fragment { name, on, directives, selections });
        Ok(())
    }

    fn variables(&mut self) -> Result<Range> {
        let start = row(self.document.variables.len());
        if self.skip(b'(')? {
            loop {
                self.limit()?;
                self.require(b'$')?;
                let name = self.name()?;
                self.require(b':')?;
                let ty = self.written_type()?;
                let default = if self.skip(b'=')? {
                    let entry = self.value(Span::default())?;
                    self.document.entries.push(entry);
                    Some(row(self.document.entries.len() - 1))
                } else {
                    None
                };
                let directives = self.directives()?;
                self.document.variables.push(Variable { name, ty, default, directives });
                if self.skip(b')')? {
                    break;
                }
            }
        }
        Ok(Range { start, end: row(self.document.variables.len()) })
    }

    fn written_type(&mut self) -> Result<WrittenType> {
        let mut depth = 0;
        while self.skip(b'[')? {
            depth += 1;
            if depth > MAX_LISTS {
                return Err(self.unexpected());
            }
        }
        let name = self.name()?;
        let non_null = self.skip(b'!')?;
        let mut lists = Vec::with_capacity(depth);
        for _ in 0..depth {
            self.require(b']')?;
            lists.push(self.skip(b'!')?);
        }
        Ok(WrittenType { name, non_null, lists })
    }

    fn directives(&mut self) -> Result<Range> {
        let start = row(self.document.directives.len());
        while self.skip(b'@')? {
            self.limit()?;
            let name = self.name()?;
            let arguments = self.arguments()?;
            self.document.directives.push(Directive { name, arguments });
        }
        Ok(Range { start, end: row(self.document.directives.len()) })
    }

    fn arguments(&mut self) -> Result<Range> {
        if !self.skip(b'(')? {
            return Ok(Range::default());
        }
        let first = self.values.len();
        while !self.skip(b')')? {
            let name = self.name()?;
            self.require(b':')?;
            let entry = self.value(name)?;
            self.values.push(entry);
        }
        if self.values.len() == first {
            return Err(self.expected("an argument"));
        }
        Ok(self.close_values(first))
    }

    fn close_values(&mut self, first: usize) -> Range {
        let start = row(self.document.entries.len());
        self.document.entries.extend(self.values.drain(first..));
        Range { start, end: row(self.document.entries.len()) }
    }

    /// One value with all below it.
    fn value(&mut self, name: Span) -> Result<Entry> {
        let mut open: Vec<Open> = Vec::new();
        let mut name = name;
        loop {
            self.limit()?;
            let mut entry = match self.token.kind {
                Kind::Punctuator(byte @ (b'[' | b'{')) => {
                    let start = self.advance()?.span.start;
                    open.push(Open { first: self.values.len(), object: byte == b'{', name, start });
                    None
                }
                _ => Some(self.scalar(name)?),
            };
            // Close what ends here; then either all is read, or the next value's name is known.
            loop {
                if let Some(entry) = entry.take() {
                    if open.is_empty() {
                        return Ok(entry);
                    }
                    self.values.push(entry);
                }
                let Some(top) = open.last() else { return Err(self.unexpected()) };
                let close = if top.object { b'}' } else { b']' };
                if self.at(close) {
                    let end = self.advance()?.span.end;
                    let Some(top) = open.pop() else { return Err(self.unexpected()) };
                    let range = self.close_values(top.first);
                    let value = if top.object { Literal::Object(range) } else { Literal::List(range) };
                    entry = Some(Entry { name: top.name, value, span: Span { start: top.start, end } });
                    continue;
                }
                name = Span::default();
                if top.object {
                    name = self.name()?;
                    self.require(b':')?;
                }
                break;
            }
        }
    }

    fn scalar(&mut self, name: Span) -> Result<Entry> {
        let Token { kind, span } = self.token;
        let text = self.text_of(span);
        let value = match kind {
            Kind::Int => Literal::Int,
            Kind::Float => Literal::Float,
            Kind::String => {
                let value: Arc<str> = strings::unescape(&text[1..text.len() - 1], span.start)?.into();
                self.document.strings += value.len();
                Literal::String(value)
            }
            Kind::BlockString => {
                let value: Arc<str> = strings::block(&text[3..text.len() - 3]).into();
                self.document.strings += value.len();
                Literal::String(value)
            }
            Kind::Name => match text {
                "null" => Literal::Null,
                "true" => Literal::Bool(true),
                "false" => Literal::Bool(false),
                _ => Literal::Enum,
            },
            Kind::Punctuator(b'$') => {
                self.advance()?;
                let variable = self.name()?;
                let span = Span { start: span.start, end: variable.end };
                return Ok(Entry { name, value: Literal::Variable(variable), span });
            }
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        Ok(Entry { name, value, span })
    }

    /// One selection set with all below it.
    fn selection_set(&mut self) -> Result<Range> {
        self.require(b'{')?;
        let mut open: Vec<usize> = vec![self.pending.len()];
        loop {
            self.limit()?;
            let first = *open.last().unwrap_or(&0);
            if self.at(b'}') && self.pending.len() > first {
                self.advance()?;
                open.pop();
                let start = row(self.document.selections.len());
                self.document.selections.extend(self.pending.drain(first..));
                let range = Range { start, end: row(self.document.selections.len()) };
                if open.is_empty() {
                    return Ok(range);
                }
                if let Some(parent) = self.pending.last_mut() {
                    parent.selections = range;
                }
                continue;
            }
            let selection = self.selection()?;
            let must_open = matches!(selection.kind, SelectionKind::Inline { .. });
            let may_open = !matches!(selection.kind, SelectionKind::Spread { .. });
            self.pending.push(selection);
            if must_open && !self.at(b'{') {
                return Err(self.expected("\"{\""));
            }
            if may_open && self.skip(b'{')? {
                open.push(self.pending.len());
            }
        }
    }

    /// One selection, up to its own selection set.
    fn selection(&mut self) -> Result<Selection> {
        let at = self.token.span.start;
        let kind = if self.token.kind == Kind::Spread {
            self.advance()?;
            match self.keyword() {
                "on" => {
                    self.advance()?;
                    SelectionKind::Inline { on: Some(self.name()?) }
                }
                "" => SelectionKind::Inline { on: None },
                _ => SelectionKind::Spread { name: self.name()? },
            }
        } else {
            let key = self.name()?;
            let name = if self.skip(b':')? { self.name()? } else { key };
            SelectionKind::Field { key, name, arguments: self.arguments()? }
        };
        let directives = self.directives()?;
        Ok(Selection { kind, directives, selections: Range::default(), at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let document = parse(
            "query Q($a: [Int!]! = [1, 2], $b: X) @d(x: 1) { a: b(c: {d: [1, {e: $a}], f: \"g\"}) { h ... on T { i } ...F } }
             fragment F on T @x { y } # end",
        )
        .unwrap();
        let operation = &document.operations()[0];
        let variables = document.variables(operation.variables);
        assert_eq!(document.type_text(&variables[0].ty), "[Int!]!");
        assert_eq!(variables[1].default, None);
        let [field] = document.selections(operation.selections) else { panic!("one field") };
        let SelectionKind::Field { key, name, arguments } = field.kind else { panic!("a field") };
        assert_eq!((document.str(key), document.str(name)), ("a", "b"));
        let [argument] = document.entries(arguments) else { panic!("one argument") };
        assert_eq!(document.str(argument.span), "{d: [1, {e: $a}], f: \"g\"}");
        let Literal::Object(fields) = argument.value else { panic!("an object") };
        let names: Vec<&str> =
            document.entries(fields).iter().map(|entry| document.str(entry.name)).collect();
        assert_eq!(names, ["d", "f"]);
        assert_eq!(document.selections(field.selections).len(), 3);
    }

    #[test]
    fn errors_say_where() {
        for (text, message, line, column) in [
            ("", "Syntax Error: Unexpected <EOF>.", 1, 1),
            ("{", "Syntax Error: Expected Name, found <EOF>.", 1, 2),
            ("{}", "Syntax Error: Expected Name, found \"}\".", 1, 2),
            ("{a\n  b(}", "Syntax Error: Expected Name, found \"}\".", 2, 5),
            ("{a(b: )}", "Syntax Error: Unexpected \")\".", 1, 7),
            ("{a(b: \"é)}", "Unterminated string.", 1, 7),
            ("{a(b: 01)}", "Invalid number, unexpected digit after 0.", 1, 7),
            ("{é}", "Cannot parse the unexpected character 'é'.", 1, 2),
            ("type X { a: B }", "Syntax Error: Unexpected Name \"type\".", 1, 1),
            ("{a} }", "Syntax Error: Unexpected \"}\".", 1, 5),
            ("{... on T}", "Syntax Error: Expected \"{\", found \"}\".", 1, 10),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(
                (error.message.as_str(), error.location(text)),
                (message, Location { line, column }),
                "{text}"
            );
        }
    }

    #[test]
    fn words_of_the_language_are_names_too() {
        parse("{ query { fragment: mutation(on: on, type: true) { on null true } } } fragment query on on { on }").unwrap();
    }

    #[test]
    fn deep_and_wide_texts() {
        let deep = format!("{}x{}", "{a".repeat(200_000), "}".repeat(200_000));
        assert!(parse(&deep).is_ok());
        let values = format!("{{a(b:{}{})}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(parse(&values).is_ok());
        assert!(parse(&"{a".repeat(200_000)).is_err());
        assert!(parse(&format!("{{{}}}", "a ".repeat(MAX_PARTS + 1))).unwrap_err().message.contains("parts"));
    }
}
