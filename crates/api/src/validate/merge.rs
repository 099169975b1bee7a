//! What operations select once their fragments are opened: how much that is, and whether fields with one key can be merged.
//!
//! Goes through selection sets as the executor does, but along types instead of objects. What it may see is bounded, as
//! fragments that spread each other twice make a small document select without end.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::{Result, Validator};
use crate::document::{Entry, Literal, Range, SelectionKind, Span};
use crate::schema::{Type, TypeIx, TypeKind};

/// Most fields and fragments that a document may select, each as often as it is spread. One that has more in its text may
/// select those: only what fragments make of a document is bounded, its length is bounded elsewhere.
const MAX_FIELDS: usize = 100_000;

/// A selection set, on a type.
type Part = (Range, TypeIx);

/// Selection sets that give one object of the answer.
struct Merged {
    parts: Vec<Part>,
    /// The fields above are of different objects, of which only one will be there: only the form of their values must be
    /// the same.
    forms_only: bool,
}

/// A field that is selected.
struct Selected<'a> {
    name: &'a str,
    arguments: Range,
    at: u32,
    /// The type that it is asked of.
    on: TypeIx,
    /// What it gives; none for `__typename`.
    ty: Option<&'a Type>,
    below: Range,
}

/// Fields by their key in the answer.
type Fields<'a> = IndexMap<&'a str, Vec<Selected<'a>>>;

impl<'a> Validator<'a> {
    /// Checks all operations.
    pub(super) fn merge(&self) -> Result<()> {
        // What is looked at a second time, for its form alone, is not selected twice.
        let (mut seen, mut seen_again) = (0, 0);
        for operation in self.document.operations() {
            let all = Merged { parts: vec![(operation.selections, self.schema.query())], forms_only: false };
            let mut work = vec![all];
            while let Some(set) = work.pop() {
                let seen = if set.forms_only { &mut seen_again } else { &mut seen };
                for (key, fields) in self.fields(&set.parts, seen)? {
                    self.same_key(key, &fields, set.forms_only, &mut work)?;
                }
            }
        }
        Ok(())
    }

    /// The fields of selection sets, with those of their fragments.
    fn fields(&self, parts: &[Part], seen: &mut usize) -> Result<Fields<'a>> {
        let document = self.document;
        let most = MAX_FIELDS.max(document.selection_count());
        let mut fields = Fields::new();
        let mut opened = HashSet::new();
        let mut work: Vec<Part> = parts.iter().rev().copied().collect();
        while let Some((range, on)) = work.pop() {
            for selection in document.selections(range) {
                *seen += 1;
                if *seen > most {
                    let message = format!(
                        "The document selects more than {most} fields, counting those of fragments each time they \
                         are spread: spread fragments less often, or ask in several requests."
                    );
                    return self.fail(selection.at, message);
                }
                match selection.kind {
                    SelectionKind::Field { key, name, arguments } => {
                        let name = document.str(name);
                        let field = self.schema.composite(on).and_then(|on| on.fields.get(name));
                        let ty = field.map(|field| &field.ty);
                        let below = selection.selections;
                        let selected = Selected { name, arguments, at: selection.at, on, ty, below };
                        fields.entry(document.str(key)).or_default().push(selected);
                    }
                    SelectionKind::Inline { on: condition } => {
                        let inner = condition.and_then(|span| self.schema.find(document.str(span)));
                        work.push((selection.selections, inner.unwrap_or(on)));
                    }
                    SelectionKind::Spread { name } => self.open(name, &mut opened, &mut work),
                }
            }
        }
        Ok(fields)
    }

    /// Adds a fragment that is spread, once for each object.
    fn open(&self, name: Span, opened: &mut HashSet<usize>, work: &mut Vec<Part>) {
        let Some(row) = self.fragments.get(self.document.str(name)).copied() else { return };
        let fragment = &self.document.fragments()[row];
        if let Some(on) = self.schema.find(self.document.str(fragment.on))
            && opened.insert(row)
        {
            work.push((fragment.selections, on));
        }
    }

    /// Checks fields that have one key, and adds what they select.
    fn same_key(
        &self,
        key: &str,
        fields: &[Selected<'a>],
        forms_only: bool,
        work: &mut Vec<Merged>,
    ) -> Result<()> {
        let all: Vec<&Selected<'a>> = fields.iter().collect();
        // Fields of different objects never meet, those of an interface meet all of them.
        let is_object =
            |field: &&&Selected<'a>| matches!(self.schema.get(field.on).kind, TypeKind::Object(_));
        let (on_objects, on_any): (Vec<_>, Vec<_>) = all.iter().copied().partition(|field| is_object(&field));
        let mut by_object: IndexMap<TypeIx, Vec<&Selected<'a>>> = IndexMap::new();
        for field in on_objects {
            by_object.entry(field.on).or_default().push(field);
        }
        let mut add = |fields: &[&Selected<'a>], forms_only| {
            let parts = fields.iter().filter(|field| !field.below.is_empty());
            let parts: Vec<Part> = parts.filter_map(|field| Some((field.below, field.ty?.base()))).collect();
            if !parts.is_empty() {
                work.push(Merged { parts, forms_only });
            }
        };
        if !forms_only && by_object.len() <= 1 {
            self.same_field(key, &all)?;
            add(&all, false);
            return Ok(());
        }
        if !forms_only {
            for (_, mut together) in by_object {
                together.extend(&on_any);
                self.same_field(key, &together)?;
                add(&together, false);
            }
        }
        if let Some((first, others)) = all.split_first() {
            others.iter().try_for_each(|other| self.same_form(key, first, other))?;
        }
        add(&all, true);
        Ok(())
    }

    /// Whether values of two fields have the same form: the same lists, nulls and leaves.
    fn same_form(&self, key: &str, a: &Selected<'a>, b: &Selected<'a>) -> Result<()> {
        let leaf = |ix| self.schema.composite(ix).is_none();
        let same = match (a.ty, b.ty) {
            (None, None) => true,
            (Some(ty), None) | (None, Some(ty)) => self.schema.show(ty) == TYPENAME,
            (Some(a), Some(b)) => {
                wrapping(a).eq(wrapping(b)) && (a.base() == b.base() || (!leaf(a.base()) && !leaf(b.base())))
            }
        };
        if same {
            return Ok(());
        }
        let show =
            |field: &Selected<'a>| field.ty.map_or_else(|| TYPENAME.to_owned(), |ty| self.schema.show(ty));
        self.conflict(key, b, &format!("they return conflicting types {:?} and {:?}", show(a), show(b)))
    }

    /// Whether fields of one object are the same field, with the same arguments.
    fn same_field(&self, key: &str, fields: &[&Selected<'a>]) -> Result<()> {
        let Some((first, others)) = fields.split_first() else { return Ok(()) };
        for other in others {
            if first.name != other.name {
                let what = format!("{:?} and {:?} are different fields", first.name, other.name);
                return self.conflict(key, other, &what);
            }
            let (old, new) = (self.document.entries(first.arguments), self.document.entries(other.arguments));
            let same = old.len() == new.len()
                && old.iter().all(|a| {
                    let name = self.document.str(a.name);
                    let twin = new.iter().find(|b| self.document.str(b.name) == name);
                    twin.is_some_and(|b| self.same_literal(a, b))
                });
            if !same {
                return self.conflict(key, other, "they have differing arguments");
            }
        }
        Ok(())
    }

    fn conflict(&self, key: &str, field: &Selected<'a>, what: &str) -> Result<()> {
        let message = format!(
            "Fields {key:?} conflict because {what}. Use different aliases on the fields to fetch both if this was \
             intentional."
        );
        self.fail(field.at, message)
    }

    /// Whether two values are written alike. Values may be nested without bound, so this does not recurse.
    fn same_literal(&self, a: &Entry, b: &Entry) -> bool {
        let document = self.document;
        let mut work = vec![(a, b)];
        while let Some((a, b)) = work.pop() {
            let same = match (&a.value, &b.value) {
                (Literal::List(a), Literal::List(b)) | (Literal::Object(a), Literal::Object(b)) => {
                    let (a, b) = (document.entries(*a), document.entries(*b));
                    work.extend(a.iter().zip(b));
                    a.len() == b.len()
                        && a.iter().zip(b).all(|(a, b)| document.str(a.name) == document.str(b.name))
                }
                (Literal::String(a), Literal::String(b)) => a == b,
                _ => document.str(a.span) == document.str(b.span),
            };
            if !same {
                return false;
            }
        }
        true
    }
}

/// The type of `__typename`.
const TYPENAME: &str = "String!";

/// The lists and non-nulls around a type's name, from outside.
fn wrapping(ty: &Type) -> impl Iterator<Item = bool> {
    let mut next = Some(ty);
    std::iter::from_fn(move || {
        let (inner, list) = match next? {
            Type::Named(_) => return None,
            Type::List(inner) => (inner, true),
            Type::NonNull(inner) => (inner, false),
        };
        next = Some(inner);
        Some(list)
    })
}
