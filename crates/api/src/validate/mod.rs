//! Checks of a document against a view, before anything runs.
//!
//! As lenient as the clients need: values are looked at when they are coerced, not here, and an object field without
//! a selection fails when it is executed. Everything here uses lists of work, because documents may be very deep.

mod merge;
mod variables;

use std::collections::{HashMap, HashSet};

use crate::document::{Directive, Document, Entry, Literal, OperationKind, Range, SelectionKind, Span};
use crate::error::GraphqlError;
use crate::schema::{Field, Schema, Type, TypeIx, TypeKind, is_hidden};
use crate::suggest::{did_you_mean, sentence};

/// Most operations of a document: each is checked with all fragments that it uses.
const MOST_OPERATIONS: usize = 1000;

type Result<T> = std::result::Result<T, GraphqlError>;

/// The operation to execute: the one with the name, or the only one.
pub(crate) fn choose(document: &Document, name: Option<&str>) -> Result<usize> {
    let operations = document.operations();
    match name.filter(|name| !name.is_empty()) {
        Some(name) => operations
            .iter()
            .position(|operation| operation.name.is_some_and(|given| document.str(given) == name))
            .ok_or_else(|| GraphqlError::invalid(format!("Unknown operation named {name:?}."), None)),
        None if operations.len() == 1 => Ok(0),
        None if operations.is_empty() => Err(GraphqlError::invalid("Must provide an operation.", None)),
        None => {
            let message = "Must provide operation name if query contains multiple operations.";
            Err(GraphqlError::invalid(message, None))
        }
    }
}

/// A variable in use.
struct Use {
    name: Span,
    /// The type of the place, if it is known, and whether the place has a default.
    place: Option<(Type, bool)>,
}

/// What an operation or a fragment uses itself, without what its fragments use.
#[derive(Default)]
struct Uses {
    variables: Vec<Use>,
    fragments: Vec<usize>,
    sensitive: bool,
    /// Whether fields may have to be merged: there are fragments, or keys that stand twice in a selection set.
    merges: bool,
}

struct Validator<'a> {
    schema: &'a Schema,
    document: &'a Document,
    fragments: HashMap<&'a str, usize>,
}

/// What the checks found out.
pub(crate) struct Checked {
    /// Whether a sensitive argument is given: then the document must not be kept.
    pub(crate) sensitive: bool,
}

/// Checks a document.
pub(crate) fn document(schema: &Schema, document: &Document) -> Result<Checked> {
    let mut fragments = HashMap::new();
    for (row, fragment) in document.fragments().iter().enumerate() {
        let name = document.str(fragment.name);
        if fragments.insert(name, row).is_some() {
            let message = format!("There can be only one fragment named {name:?}.");
            return Err(GraphqlError::invalid(message, Some(document.location(fragment.name.start))));
        }
    }
    let validator = Validator { schema, document, fragments };
    validator.operations()?;
    let mut uses = Vec::with_capacity(document.fragments().len());
    for fragment in document.fragments() {
        let on = validator.composite(document.str(fragment.on), fragment.on, Some(fragment.name))?;
        let mut found = Uses::default();
        validator.directives(fragment.directives, "FRAGMENT_DEFINITION", &mut found)?;
        validator.selections(fragment.selections, on, &mut found)?;
        uses.push(found);
    }
    validator.cycles(&uses)?;
    let mut sensitive = uses.iter().any(|uses| uses.sensitive);
    let mut merges = false;
    let mut used = HashSet::new();
    for operation in document.operations() {
        let mut found = Uses::default();
        validator.directives(operation.directives, "QUERY", &mut found)?;
        validator.selections(operation.selections, schema.query(), &mut found)?;
        used.extend(validator.variables(operation, &found, &uses)?);
        sensitive |= found.sensitive;
        merges |= found.merges;
    }
    let unused = document.fragments().iter().enumerate().find(|(row, _)| !used.contains(row));
    if let Some((_, fragment)) = unused.filter(|_| !document.operations().is_empty()) {
        let message = format!("Fragment {:?} is never used.", document.str(fragment.name));
        return validator.fail(fragment.name.start, message);
    }
    if merges {
        validator.merge()?;
    }
    Ok(Checked { sensitive })
}

impl<'a> Validator<'a> {
    fn fail<T>(&self, at: u32, message: impl Into<String>) -> Result<T> {
        Err(GraphqlError::invalid(message, Some(self.document.location(at))))
    }

    fn operations(&self) -> Result<()> {
        let operations = self.document.operations();
        if operations.len() > MOST_OPERATIONS {
            return self
                .fail(operations[MOST_OPERATIONS].at, format!("more than {MOST_OPERATIONS} operations"));
        }
        let mut names = HashSet::new();
        for operation in operations {
            match operation.kind {
                OperationKind::Query => {}
                OperationKind::Mutation => {
                    return self.fail(operation.at, "Schema is not configured for mutations.");
                }
                OperationKind::Subscription => {
                    return self.fail(operation.at, "Schema is not configured for subscriptions.");
                }
            }
            match operation.name.map(|name| self.document.str(name)) {
                None if operations.len() > 1 => {
                    return self
                        .fail(operation.at, "This anonymous operation must be the only defined operation.");
                }
                Some(name) if !names.insert(name) => {
                    return self
                        .fail(operation.at, format!("There can be only one operation named {name:?}."));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The type that a fragment is on.
    fn composite(&self, name: &str, span: Span, fragment: Option<Span>) -> Result<TypeIx> {
        let Some(ix) = self.schema.find(name) else {
            let near = did_you_mean(
                name,
                self.schema.types().map(|(_, def)| &*def.name).filter(|name| !is_hidden(name)),
            );
            return self.fail(span.start, format!("Unknown type {name:?}.{near}"));
        };
        if self.schema.composite(ix).is_none() {
            let which = fragment.map(|name| format!(" {:?}", self.document.str(name))).unwrap_or_default();
            return self.fail(
                span.start,
                format!("Fragment{which} cannot condition on non composite type {name:?}."),
            );
        }
        Ok(ix)
    }

    /// Checks a selection set with all below it.
    fn selections(&self, selections: Range, on: TypeIx, uses: &mut Uses) -> Result<()> {
        let mut work = vec![(selections, on)];
        while let Some((range, on)) = work.pop() {
            uses.merges |= self.has_twice(range);
            for selection in self.document.selections(range) {
                match selection.kind {
                    SelectionKind::Field { name, arguments, .. } => {
                        self.directives(selection.directives, "FIELD", uses)?;
                        let text = self.document.str(name);
                        if text == "__typename" {
                            if !selection.selections.is_empty() || !arguments.is_empty() {
                                return self.fail(
                                    name.start,
                                    "Field \"__typename\" takes neither arguments nor a selection.",
                                );
                            }
                            continue;
                        }
                        let field = self.field(on, name)?;
                        self.arguments(field, on, name, arguments, uses)?;
                        let base = field.ty.base();
                        if self.schema.composite(base).is_some() {
                            work.push((selection.selections, base));
                        } else if !selection.selections.is_empty() {
                            let message = format!(
                                "Field {text:?} must not have a selection since type {:?} has no subfields.",
                                self.schema.show(&field.ty)
                            );
                            return self.fail(selection.at, message);
                        }
                    }
                    SelectionKind::Inline { on: condition } => {
                        self.directives(selection.directives, "INLINE_FRAGMENT", uses)?;
                        let inner = match condition {
                            Some(span) => self.composite(self.document.str(span), span, None)?,
                            None => on,
                        };
                        self.spread(on, inner, None, selection.at)?;
                        work.push((selection.selections, inner));
                    }
                    SelectionKind::Spread { name } => {
                        self.directives(selection.directives, "FRAGMENT_SPREAD", uses)?;
                        let text = self.document.str(name);
                        let Some(row) = self.fragments.get(text).copied() else {
                            return self.fail(name.start, format!("Unknown fragment {text:?}."));
                        };
                        let span = self.document.fragments()[row].on;
                        let inner = self.composite(self.document.str(span), span, Some(name))?;
                        self.spread(on, inner, Some(text), selection.at)?;
                        uses.fragments.push(row);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a selection set has fragments, or two fields with one key.
    fn has_twice(&self, range: Range) -> bool {
        const FEW: usize = 8;
        let selections = self.document.selections(range);
        let key = |kind: &SelectionKind| match kind {
            SelectionKind::Field { key, .. } => Some(self.document.str(*key)),
            _ => None,
        };
        if selections.len() <= FEW {
            return selections.iter().enumerate().any(|(at, selection)| {
                let found = key(&selection.kind);
                found.is_none() || selections[..at].iter().any(|earlier| key(&earlier.kind) == found)
            });
        }
        let mut seen = HashSet::new();
        selections.iter().any(|selection| key(&selection.kind).is_none_or(|key| !seen.insert(key)))
    }

    fn spread(&self, on: TypeIx, inner: TypeIx, name: Option<&str>, at: u32) -> Result<()> {
        if self.schema.overlap(on, inner) {
            return Ok(());
        }
        let which = name.map(|name| format!(" {name:?}")).unwrap_or_default();
        let (on, inner) = (&self.schema.get(on).name, &self.schema.get(inner).name);
        let message = format!(
            "Fragment{which} cannot be spread here as objects of type \"{on}\" can never be of type \"{inner}\"."
        );
        self.fail(at, message)
    }

    fn field(&self, on: TypeIx, name: Span) -> Result<&'a Field> {
        let text = self.document.str(name);
        let schema = self.schema;
        let fields = schema.composite(on).map(|composite| &composite.fields);
        if let Some(field) = fields.and_then(|fields| fields.get(text)) {
            return Ok(field);
        }
        let def = schema.get(on);
        let mut hint = String::new();
        if let TypeKind::Interface(interface) = &def.kind {
            let having = interface.possible.iter().filter(|ix| {
                schema.composite(**ix).is_some_and(|composite| composite.fields.contains_key(text))
            });
            let names: Vec<String> = having.take(5).map(|ix| format!("{:?}", schema.get(*ix).name)).collect();
            hint = sentence(" Did you mean to use an inline fragment on ", &names);
        }
        if hint.is_empty() {
            let names = fields.into_iter().flat_map(|fields| fields.keys()).filter(|name| !is_hidden(name));
            hint = did_you_mean(text, names.map(AsRef::as_ref));
        }
        self.fail(name.start, format!("Cannot query field {text:?} on type {:?}.{hint}", def.name))
    }

    fn arguments(&self, field: &Field, on: TypeIx, name: Span, given: Range, uses: &mut Uses) -> Result<()> {
        let entries = self.document.entries(given);
        for (at, entry) in entries.iter().enumerate() {
            let text = self.document.str(entry.name);
            let Some(arg) = field.args.iter().find(|arg| arg.name == text) else {
                let near = did_you_mean(text, field.args.iter().map(|arg| arg.name));
                let place = format!("{}.{}", self.schema.get(on).name, field.name);
                return self
                    .fail(entry.name.start, format!("Unknown argument {text:?} on field {place:?}.{near}"));
            };
            self.once(entries, at, field.args.len())?;
            uses.sensitive |= arg.sensitive;
            self.value(entry, Some((&arg.ty, arg.default_text.is_some())), uses)?;
        }
        let missing = field
            .args
            .iter()
            .filter(|arg| arg.is_required())
            .find(|arg| !entries.iter().any(|entry| self.document.str(entry.name) == arg.name));
        if let Some(arg) = missing {
            let message = format!(
                "Field {:?} argument {:?} of type {:?} is required, but it was not provided.",
                field.name,
                arg.name,
                self.schema.show(&arg.ty)
            );
            return self.fail(name.start, message);
        }
        Ok(())
    }

    /// Whether an argument, one of `known`, is the first with its name: one of more than those stands twice.
    fn once(&self, entries: &[Entry], at: usize, known: usize) -> Result<()> {
        let Entry { name, .. } = entries[at];
        let text = self.document.str(name);
        if entries[..at.min(known)].iter().any(|earlier| self.document.str(earlier.name) == text) {
            return self.fail(name.start, format!("There can be only one argument named {text:?}."));
        }
        Ok(())
    }

    /// Notes the variables of a value, and checks that no field of an input object stands twice.
    fn value(&self, entry: &'a Entry, place: Option<(&Type, bool)>, uses: &mut Uses) -> Result<()> {
        let mut work: Vec<(&Entry, Option<(&Type, bool)>)> = vec![(entry, place)];
        while let Some((entry, place)) = work.pop() {
            match &entry.value {
                Literal::Variable(name) => {
                    uses.variables
                        .push(Use { name: *name, place: place.map(|(ty, default)| (ty.clone(), default)) });
                }
                Literal::List(range) => {
                    let inner = place.and_then(|(ty, _)| match ty.nullable() {
                        Type::List(inner) => Some((&**inner, false)),
                        _ => None,
                    });
                    work.extend(self.document.entries(*range).iter().map(|entry| (entry, inner)));
                }
                Literal::Object(range) => {
                    let fields = place.and_then(|(ty, _)| match &self.schema.get(ty.base()).kind {
                        TypeKind::Input(fields) => Some(fields),
                        _ => None,
                    });
                    let mut seen = HashSet::new();
                    for entry in self.document.entries(*range) {
                        let name = self.document.str(entry.name);
                        if !seen.insert(name) {
                            let message = format!("There can be only one input field named {name:?}.");
                            return self.fail(entry.name.start, message);
                        }
                        let field = fields.and_then(|fields| fields.iter().find(|field| field.name == name));
                        work.push((entry, field.map(|field| (&field.ty, field.default_text.is_some()))));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn directives(&self, range: Range, location: &str, uses: &mut Uses) -> Result<()> {
        let directives = self.document.directives(range);
        for (at, Directive { name, arguments }) in directives.iter().enumerate() {
            let text = self.document.str(*name);
            let Some(def) = self.schema.directives().iter().find(|def| def.name == text) else {
                return self.fail(name.start, format!("Unknown directive \"@{text}\"."));
            };
            if !def.locations.contains(&location) {
                return self
                    .fail(name.start, format!("Directive \"@{text}\" may not be used on {location}."));
            }
            // None of them is repeatable, so there are few, or one stands twice.
            if directives[..at].iter().any(|earlier| self.document.str(earlier.name) == text) {
                let message = format!("The directive \"@{text}\" can only be used once at this location.");
                return self.fail(name.start, message);
            }
            let entries = self.document.entries(*arguments);
            for (at, entry) in entries.iter().enumerate() {
                let given = self.document.str(entry.name);
                let Some(arg) = def.args.iter().find(|arg| arg.name == given) else {
                    let message = format!("Unknown argument {given:?} on directive \"@{text}\".");
                    return self.fail(entry.name.start, message);
                };
                self.once(entries, at, def.args.len())?;
                let place = self.written(arg.ty);
                self.value(entry, place.as_ref().map(|ty| (ty, arg.default.is_some())), uses)?;
            }
            let missing = def.args.iter().find(|arg| {
                let given = entries.iter().any(|entry| self.document.str(entry.name) == arg.name);
                arg.ty.ends_with('!') && arg.default.is_none() && !given
            });
            if let Some(arg) = missing {
                let message = format!(
                    "Directive \"@{text}\" argument {:?} of type {:?} is required, but it was not provided.",
                    arg.name, arg.ty
                );
                return self.fail(name.start, message);
            }
        }
        Ok(())
    }

    /// The type of a directive's argument: a name, perhaps with `!`. Those that may stand in documents have no others.
    fn written(&self, text: &str) -> Option<Type> {
        let named = Type::Named(self.schema.find(text.trim_end_matches('!'))?);
        Some(if text.ends_with('!') { Type::NonNull(Box::new(named)) } else { named })
    }

    fn cycles(&self, uses: &[Uses]) -> Result<()> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; uses.len()];
        for start in 0..uses.len() {
            let mut path: Vec<(usize, usize)> = Vec::new();
            if marks[start] == Mark::New {
                marks[start] = Mark::Open;
                path.push((start, 0));
            }
            while let Some((row, next)) = path.last_mut() {
                let Some(used) = uses[*row].fragments.get(*next).copied() else {
                    marks[*row] = Mark::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                match marks[used] {
                    Mark::Done => {}
                    Mark::New => {
                        marks[used] = Mark::Open;
                        path.push((used, 0));
                    }
                    Mark::Open => {
                        let name = self.document.fragments()[used].name;
                        let message =
                            format!("Cannot spread fragment {:?} within itself.", self.document.str(name));
                        return self.fail(name.start, message);
                    }
                }
            }
        }
        Ok(())
    }
}
