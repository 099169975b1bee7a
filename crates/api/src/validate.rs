//! Checks of a document against a view, before anything runs.
//!
//! As lenient as the clients need: values are looked at when they are coerced, not here, and an object field without
//! a selection fails when it is executed. Everything here uses lists of work, because documents may be very deep.

use std::collections::{HashMap, HashSet};

use crate::document::{
    Directive, Document, Entry, Literal, Operation, OperationKind, Range, SelectionKind, Span,
};
use crate::error::GraphqlError;
use crate::schema::{Field, Scalar, Schema, Type, TypeIx, TypeKind, is_hidden};
use crate::suggest::{did_you_mean, sentence};
use crate::variables::holds_variable;

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
    for operation in document.operations() {
        let mut found = Uses::default();
        validator.directives(operation.directives, "QUERY", &mut found)?;
        validator.selections(operation.selections, schema.query(), &mut found)?;
        validator.variables(operation, &found, &uses)?;
        sensitive |= found.sensitive;
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
            // There are at most as many arguments as the field has, or one of them is given twice.
            if entries[..at.min(field.args.len())]
                .iter()
                .any(|earlier| self.document.str(earlier.name) == text)
            {
                return self
                    .fail(entry.name.start, format!("There can be only one argument named {text:?}."));
            }
            uses.sensitive |= arg.sensitive;
            self.value(entry, Some((&arg.ty, arg.default_text.is_some())), uses);
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

    /// Notes the variables of a value.
    fn value(&self, entry: &'a Entry, place: Option<(&Type, bool)>, uses: &mut Uses) {
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
                    for entry in self.document.entries(*range) {
                        let name = self.document.str(entry.name);
                        let field = fields.and_then(|fields| fields.iter().find(|field| field.name == name));
                        work.push((entry, field.map(|field| (&field.ty, field.default_text.is_some()))));
                    }
                }
                _ => {}
            }
        }
    }

    fn directives(&self, range: Range, location: &str, uses: &mut Uses) -> Result<()> {
        for Directive { name, arguments } in self.document.directives(range) {
            let text = self.document.str(*name);
            let Some(def) = self.schema.directives().iter().find(|def| def.name == text) else {
                return self.fail(name.start, format!("Unknown directive \"@{text}\"."));
            };
            if !def.locations.contains(&location) {
                return self
                    .fail(name.start, format!("Directive \"@{text}\" may not be used on {location}."));
            }
            let entries = self.document.entries(*arguments);
            for entry in entries {
                let given = self.document.str(entry.name);
                if !def.args.iter().any(|arg| arg.name == given) {
                    let message = format!("Unknown argument {given:?} on directive \"@{text}\".");
                    return self.fail(entry.name.start, message);
                }
                self.value(entry, None, uses);
            }
            let required = def.args.iter().find(|arg| arg.ty.ends_with('!') && arg.default.is_none());
            if let Some(arg) = required
                && entries.iter().filter(|entry| self.document.str(entry.name) == arg.name).count() != 1
            {
                let message = format!(
                    "Directive \"@{text}\" argument {:?} of type {:?} is required, but it was not provided.",
                    arg.name, arg.ty
                );
                return self.fail(name.start, message);
            }
        }
        Ok(())
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

    /// Checks the variables of an operation: declared once, of types that exist, used, and used where they fit.
    fn variables(&self, operation: &Operation, own: &Uses, fragments: &[Uses]) -> Result<()> {
        let document = self.document;
        let mut declared: HashMap<&str, (usize, bool)> = HashMap::new();
        let variables = document.variables(operation.variables);
        for (at, variable) in variables.iter().enumerate() {
            let name = document.str(variable.name);
            let start = variable.name.start;
            if declared.insert(name, (at, false)).is_some() {
                return self.fail(start, format!("There can be only one variable named \"${name}\"."));
            }
            let base = document.str(variable.ty.name);
            let Some(ix) = self.schema.find(base) else {
                return self.fail(start, format!("Unknown type {base:?}."));
            };
            if self.schema.composite(ix).is_some() {
                let ty = document.type_text(&variable.ty);
                return self.fail(start, format!("Variable \"${name}\" cannot be non-input type {ty:?}."));
            }
            if variable.default.is_some_and(|row| holds_variable(document, row)) {
                return self
                    .fail(start, format!("The default of variable \"${name}\" must not hold a variable."));
            }
        }
        let mut seen: HashSet<usize> = HashSet::new();
        let mut work: Vec<&Uses> = vec![own];
        while let Some(uses) = work.pop() {
            for Use { name, place } in &uses.variables {
                let text = document.str(*name);
                let Some((at, used)) = declared.get_mut(text) else {
                    return self.fail(name.start, format!("Variable \"${text}\" is not defined."));
                };
                *used = true;
                let variable = &variables[*at];
                if let Some((place, default)) = place
                    && !self.fits(variable, place, *default)
                {
                    let message = format!(
                        "Variable \"${text}\" of type {:?} used in position expecting type {:?}.",
                        document.type_text(&variable.ty),
                        self.schema.show(place)
                    );
                    return self.fail(name.start, message);
                }
            }
            work.extend(uses.fragments.iter().filter(|row| seen.insert(**row)).map(|row| &fragments[*row]));
        }
        let unused = variables
            .iter()
            .find(|variable| declared.get(document.str(variable.name)).is_some_and(|(_, used)| !used));
        match unused {
            Some(variable) => {
                let message = format!("Variable \"${}\" is never used.", document.str(variable.name));
                self.fail(variable.name.start, message)
            }
            None => Ok(()),
        }
    }

    /// Whether a variable may stand in a place. Texts, IDs, enums and scalars of texts stand for one another: their
    /// values are checked when they are coerced.
    fn fits(&self, variable: &crate::document::Variable, place: &Type, place_has_default: bool) -> bool {
        let mut lists = variable.ty.lists.iter().rev();
        let mut place = place;
        let mut outermost = true;
        loop {
            let list = lists.next();
            let non_null = *list.unwrap_or(&variable.ty.non_null);
            let defaulted = outermost && (place_has_default || variable.default.is_some());
            if !place.is_nullable() && !non_null && !defaulted {
                return false;
            }
            match (list, place.nullable()) {
                (Some(_), Type::List(inner)) => place = inner,
                // A single value where a list is wanted becomes a list.
                (None, Type::List(inner)) => {
                    place = inner.nullable();
                    lists = [].iter().rev();
                    if matches!(place, Type::Named(_)) {
                        return self.same_family(self.document.str(variable.ty.name), place.base());
                    }
                }
                (Some(_), _) => return false,
                (None, place) => return self.same_family(self.document.str(variable.ty.name), place.base()),
            }
            outermost = false;
        }
    }

    fn same_family(&self, name: &str, place: TypeIx) -> bool {
        let textual = |ix: TypeIx| match &self.schema.get(ix).kind {
            TypeKind::Scalar(scalar) => !matches!(scalar, Scalar::Int | Scalar::Float | Scalar::Boolean),
            TypeKind::Enum(_) => true,
            _ => false,
        };
        let Some(ix) = self.schema.find(name) else { return false };
        let widened = name == "Int" && self.schema.get(place).name == "Float";
        ix == place || widened || (textual(ix) && textual(place))
    }
}
