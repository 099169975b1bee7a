//! The bytes of a row: short, and written in one go, because the ID of a chain of thousands of steps waits for them.
//!
//! Numbers have seven bits in a byte, the lowest first. A name is its number in the order of appearance; a new one follows
//! its number. Texts and lists follow their length. What does not end where it should is no row.

use std::borrow::Cow;
use std::collections::HashMap;

use kukri_model::Digest;

use super::kept::{Item, Kept, KeptArg, Outer, Row};

/// The first byte of a row: not that of JSON, as which earlier engines kept rows.
const VERSION: u8 = 1;

/// Deepest list or object in an argument: input objects are not nested deeper.
const DEEPEST: usize = 100;

/// What an item or a value is.
mod tag {
    pub const OUTER: u8 = 0;
    pub const ELEMENT: u8 = 1;
    pub const STEP: u8 = 2;
    pub const SCOPED: u8 = 3;

    pub const NULL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const STRING: u8 = 5;
    pub const ENUM: u8 = 6;
    pub const LIST: u8 = 7;
    pub const OBJECT: u8 = 8;
    pub const REF: u8 = 9;
}

/// A row that is written item by item.
pub(super) struct Writer<'a> {
    out: Vec<u8>,
    names: HashMap<&'a str, usize>,
    /// Names that came last, which the next step is likely to have as well.
    recent: [(&'a str, usize); RECENT],
    next_recent: usize,
}

/// Number of names that are remembered as those that came last.
const RECENT: usize = 8;

impl<'a> Writer<'a> {
    /// A row of so many items, written over what is in `out`.
    pub(super) fn new(mut out: Vec<u8>, items: usize) -> Self {
        let recent = [("", usize::MAX); RECENT];
        out.clear();
        let mut writer = Self { out, names: HashMap::new(), recent, next_recent: 0 };
        writer.out.push(VERSION);
        writer.number(items as u64);
        writer
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.out.push(number.to_le_bytes()[0]);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn name(&mut self, name: &'a str) {
        // Names of operations are mostly the same piece of memory.
        if let Some((_, number)) = self.recent.iter().find(|(known, _)| std::ptr::eq(*known, name)) {
            return self.number(*number as u64);
        }
        let new = self.names.len();
        let number = *self.names.entry(name).or_insert(new);
        self.recent[self.next_recent] = (name, number);
        self.next_recent = (self.next_recent + 1) % RECENT;
        self.number(number as u64);
        if number == new {
            self.text(name);
        }
    }

    pub(super) fn outer(&mut self, outer: &Outer) {
        self.out.push(tag::OUTER);
        self.out.extend_from_slice(outer.call.as_bytes());
        self.out.extend_from_slice(outer.row.as_bytes());
    }

    pub(super) fn element(&mut self, list: usize, index: usize) {
        self.out.push(tag::ELEMENT);
        self.number(list as u64);
        self.number(index as u64);
    }

    /// A step, without its arguments: those follow.
    pub(super) fn step(&mut self, receiver: usize, on: &'a str, field: &'a str, scope: Option<&str>) {
        self.out.push(if scope.is_some() { tag::SCOPED } else { tag::STEP });
        self.number(receiver as u64);
        self.name(on);
        self.name(field);
        if let Some(scope) = scope {
            self.text(scope);
        }
    }

    /// How many arguments follow.
    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// The name of an argument or field, whose value follows.
    pub(super) fn named(&mut self, name: &'a str) {
        self.name(name);
    }

    pub(super) fn null(&mut self) {
        self.out.push(tag::NULL);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.out.push(if value { tag::TRUE } else { tag::FALSE });
    }

    pub(super) fn int(&mut self, value: i64) {
        self.out.push(tag::INT);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn float(&mut self, value: f64) {
        self.out.push(tag::FLOAT);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn string(&mut self, text: &str) {
        self.out.push(tag::STRING);
        self.text(text);
    }

    pub(super) fn member(&mut self, name: &str) {
        self.out.push(tag::ENUM);
        self.text(name);
    }

    /// A list of values that follow.
    pub(super) fn list(&mut self, count: usize) {
        self.out.push(tag::LIST);
        self.count(count);
    }

    /// An object of fields that follow, each with its name.
    pub(super) fn object(&mut self, count: usize) {
        self.out.push(tag::OBJECT);
        self.count(count);
    }

    pub(super) fn reference(&mut self, place: usize) {
        self.out.push(tag::REF);
        self.number(place as u64);
    }
}

/// A row from its bytes; nothing if they are not those of a row.
pub(super) fn read(bytes: &[u8]) -> Option<Row<'static>> {
    let mut reader = Reader { rest: bytes.strip_prefix(&[VERSION])?, names: Vec::new() };
    let items = reader.length()?;
    let mut calls = Vec::new();
    for _ in 0..items {
        calls.push(reader.item()?);
    }
    reader.rest.is_empty().then_some(Row { calls })
}

struct Reader<'a> {
    rest: &'a [u8],
    names: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn place(&mut self) -> Option<usize> {
        self.number().and_then(|number| usize::try_from(number).ok())
    }

    /// A number of things of at least a byte each, so there are no more of them than bytes.
    fn length(&mut self) -> Option<usize> {
        self.place().filter(|length| *length <= self.rest.len())
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn name(&mut self) -> Option<&'a str> {
        let number = self.place()?;
        if number == self.names.len() {
            let name = self.text()?;
            self.names.push(name);
        }
        self.names.get(number).copied()
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn digest(&mut self) -> Option<Digest> {
        Digest::from_slice(self.take(Digest::LEN)?)
    }

    fn item(&mut self) -> Option<Item<'static>> {
        let tag = self.byte()?;
        let kept = match tag {
            tag::OUTER => return Some(Item::Outer(Outer { call: self.digest()?, row: self.digest()? })),
            tag::ELEMENT => Kept {
                receiver: Some(self.place()?),
                operation: None,
                args: Vec::new(),
                nth: Some(self.place()?),
                scope: None,
            },
            tag::STEP | tag::SCOPED => {
                let receiver = Some(self.place()?);
                let operation = Some((owned(self.name()?), owned(self.name()?)));
                let scope = if tag == tag::SCOPED { Some(owned(self.text()?)) } else { None };
                let args = self.fields(0)?;
                Kept { receiver, operation, args, nth: None, scope }
            }
            _ => return None,
        };
        Some(Item::Call(kept))
    }

    fn fields(&mut self, depth: usize) -> Option<Vec<(Cow<'static, str>, KeptArg<'static, usize>)>> {
        let count = self.length()?;
        (0..count).map(|_| Some((owned(self.name()?), self.value(depth)?))).collect()
    }

    fn value(&mut self, depth: usize) -> Option<KeptArg<'static, usize>> {
        if depth > DEEPEST {
            return None;
        }
        Some(match self.byte()? {
            tag::NULL => KeptArg::Null,
            tag::FALSE => KeptArg::Bool(false),
            tag::TRUE => KeptArg::Bool(true),
            tag::INT => KeptArg::Int(i64::from_le_bytes(self.eight()?)),
            tag::FLOAT => KeptArg::Float(f64::from_le_bytes(self.eight()?)),
            tag::STRING => KeptArg::String(owned(self.text()?)),
            tag::ENUM => KeptArg::Enum(owned(self.text()?)),
            tag::LIST => {
                let count = self.length()?;
                KeptArg::List((0..count).map(|_| self.value(depth + 1)).collect::<Option<_>>()?)
            }
            tag::OBJECT => KeptArg::Object(self.fields(depth + 1)?),
            tag::REF => KeptArg::Ref(self.place()?),
            _ => return None,
        })
    }
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}
