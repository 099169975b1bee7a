//! A parsed GraphQL document as a few flat tables.
//!
//! Documents may be nested thousands deep, because a loop in a client makes them so. Nothing here points at anything
//! by box: children are index ranges, so walking and dropping need no recursion.

mod cache;
mod lexer;
mod parser;
mod strings;

pub use cache::{DocumentCache, MAX_KEPT_ANSWER, Prepared};
pub use parser::{MAX_PARTS, SyntaxError, parse};

use std::sync::Arc;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// Byte at which it starts.
    pub start: u32,
    /// Byte after its end.
    pub end: u32,
}

/// Consecutive rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Range {
    /// First row.
    pub start: u32,
    /// Row after the last.
    pub end: u32,
}

impl Range {
    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    const fn usize(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What an operation does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// `query`, or none of the words.
    Query,
    /// `mutation`.
    Mutation,
    /// `subscription`.
    Subscription,
}

/// An operation.
#[derive(Debug)]
pub struct Operation {
    /// What it does to the world.
    pub kind: OperationKind,
    /// Its name.
    pub name: Option<Span>,
    /// Where it starts.
    pub at: u32,
    /// Declared variables.
    pub variables: Range,
    /// Directives.
    pub directives: Range,
    /// What it selects.
    pub selections: Range,
}

/// A named fragment.
#[derive(Debug)]
pub struct Fragment {
    /// Its name.
    pub name: Span,
    /// The type it applies to.
    pub on: Span,
    /// Directives.
    pub directives: Range,
    /// What it selects.
    pub selections: Range,
}

/// One entry of a selection set.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    /// What is selected.
    pub kind: SelectionKind,
    /// Directives.
    pub directives: Range,
    /// Selections below it; empty if there are none.
    pub selections: Range,
    /// Where it starts.
    pub at: u32,
}

/// The three kinds of selections.
#[derive(Clone, Copy, Debug)]
pub enum SelectionKind {
    /// A field.
    Field {
        /// Key of the answer: the alias, or the name.
        key: Span,
        /// Name.
        name: Span,
        /// Arguments, rows of the entries.
        arguments: Range,
    },
    /// `... name`.
    Spread {
        /// The fragment's name.
        name: Span,
    },
    /// `... on Type { }` or `... { }`.
    Inline {
        /// The type, if one is named.
        on: Option<Span>,
    },
}

/// A directive: its name and arguments.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    /// Name without `@`.
    pub name: Span,
    /// Arguments, rows of the entries.
    pub arguments: Range,
}

/// A named value: an argument, a field of an input object, or, without a name, an element of a list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name; empty in lists.
    pub name: Span,
    /// Value.
    pub value: Literal,
    /// Where the value stands.
    pub span: Span,
}

/// A value as written.
#[derive(Clone, Debug)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// Digits. Any number of them.
    Int,
    /// Digits with a dot or an exponent.
    Float,
    /// A text, unescaped.
    String(Arc<str>),
    /// A bare word.
    Enum,
    /// A variable; the name without `$`.
    Variable(Span),
    /// A list: rows of the entries.
    List(Range),
    /// An input object: rows of the entries.
    Object(Range),
}

/// A declared variable.
#[derive(Debug)]
pub struct Variable {
    /// Name without `$`.
    pub name: Span,
    /// Type.
    pub ty: WrittenType,
    /// Row of the default in the entries.
    pub default: Option<u32>,
    /// Directives.
    pub directives: Range,
}

/// A type as written in a document.
#[derive(Debug)]
pub struct WrittenType {
    /// Name at the bottom.
    pub name: Span,
    /// Whether the name is followed by `!`.
    pub non_null: bool,
    /// For each list around it, from the inside out: whether it is followed by `!`.
    pub lists: Vec<bool>,
}

/// A parsed document.
#[derive(Debug, Default)]
pub struct Document {
    text: Box<str>,
    operations: Vec<Operation>,
    fragments: Vec<Fragment>,
    selections: Vec<Selection>,
    directives: Vec<Directive>,
    entries: Vec<Entry>,
    variables: Vec<Variable>,
    strings: usize,
}

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Location {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Location {
    /// The location of a byte of `text`.
    #[must_use]
    pub fn of(text: &str, at: u32) -> Self {
        let mut at = (at as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line, column: before[start..].chars().count() + 1 }
    }
}

impl Document {
    /// The text of a span.
    #[must_use]
    pub fn str(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    /// The location of a byte.
    #[must_use]
    pub fn location(&self, at: u32) -> Location {
        Location::of(&self.text, at)
    }

    /// All operations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// All fragments.
    #[must_use]
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// Number of selections as written: fragments count once.
    #[must_use]
    pub const fn selection_count(&self) -> usize {
        self.selections.len()
    }

    /// Rows of the selections.
    #[must_use]
    pub fn selections(&self, range: Range) -> &[Selection] {
        &self.selections[range.usize()]
    }

    /// Rows of the directives.
    #[must_use]
    pub fn directives(&self, range: Range) -> &[Directive] {
        &self.directives[range.usize()]
    }

    /// Rows of the entries.
    #[must_use]
    pub fn entries(&self, range: Range) -> &[Entry] {
        &self.entries[range.usize()]
    }

    /// One row of the entries.
    #[must_use]
    pub fn entry(&self, row: u32) -> &Entry {
        &self.entries[row as usize]
    }

    /// Rows of the variables.
    #[must_use]
    pub fn variables(&self, range: Range) -> &[Variable] {
        &self.variables[range.usize()]
    }

    /// A variable's type as text.
    #[must_use]
    pub fn type_text(&self, ty: &WrittenType) -> String {
        let mut text = "[".repeat(ty.lists.len());
        text.push_str(self.str(ty.name));
        if ty.non_null {
            text.push('!');
        }
        for non_null in &ty.lists {
            text.push_str(if *non_null { "]!" } else { "]" });
        }
        text
    }

    /// Bytes of memory it takes, about.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.text.len()
            + self.strings
            + self.selections.len() * size_of::<Selection>()
            + self.entries.len() * size_of::<Entry>()
            + self.directives.len() * size_of::<Directive>()
            + self.fragments.len() * size_of::<Fragment>()
            + self.operations.len() * size_of::<Operation>()
            + self.variables.len() * size_of::<Variable>()
            + 256
    }
}
