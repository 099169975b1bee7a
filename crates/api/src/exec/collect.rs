//! Which fields are selected on an object: fragments opened, conditions applied, equal keys merged.

use std::collections::{HashMap, HashSet};

use crate::coerce::Coercer;
use crate::document::{Document, Range, Selection, SelectionKind, Span};
use crate::error::GraphqlError;
use crate::schema::{Schema, TypeIx};

/// A field of the answer.
pub(super) struct Group {
    /// Key of the answer.
    pub(super) key: Span,
    /// The field's name.
    pub(super) name: Span,
    /// Its arguments.
    pub(super) arguments: Range,
    /// Where it stands first.
    pub(super) at: u32,
    /// Everything that is selected below it.
    pub(super) below: Vec<Range>,
}

/// From this number of fields on they are found by a table.
const MANY: usize = 16;

/// Fragments by name.
pub(super) type Fragments<'d> = HashMap<&'d str, usize>;

pub(super) fn fragments(document: &Document) -> Fragments<'_> {
    let fragments = document.fragments().iter().enumerate();
    fragments.map(|(row, fragment)| (document.str(fragment.name), row)).collect()
}

/// The fields that `sets` select on an object of the type `object`, in order.
pub(super) fn collect<'d>(
    coercer: &Coercer<'d>,
    fragments: &Fragments<'d>,
    object: TypeIx,
    sets: &[Range],
) -> Result<Vec<Group>, GraphqlError> {
    let document = coercer.document;
    let mut groups: Vec<Group> = Vec::new();
    let mut by_key: HashMap<&'d str, usize> = HashMap::new();
    let mut visited: HashSet<usize> = HashSet::new();
    // Ranges still to be read, the next one last.
    let mut work: Vec<Range> = sets.iter().rev().copied().collect();
    while let Some(mut range) = work.pop() {
        let Some(selection) = document.selections(range).first() else { continue };
        range.start += 1;
        work.push(range);
        if !selection.directives.is_empty() && !included(coercer, selection)? {
            continue;
        }
        match selection.kind {
            SelectionKind::Field { key, name, arguments } => {
                let text = document.str(key);
                let found = if groups.len() < MANY {
                    groups.iter().position(|group| document.str(group.key) == text)
                } else {
                    if by_key.is_empty() {
                        by_key.extend(
                            groups.iter().enumerate().map(|(at, group)| (document.str(group.key), at)),
                        );
                    }
                    by_key.get(text).copied()
                };
                if let Some(at) = found {
                    // That both ask for the same was checked.
                    if !selection.selections.is_empty() {
                        groups[at].below.push(selection.selections);
                    }
                    continue;
                }
                if groups.len() >= MANY {
                    by_key.insert(text, groups.len());
                }
                let below =
                    if selection.selections.is_empty() { Vec::new() } else { vec![selection.selections] };
                groups.push(Group { key, name, arguments, at: selection.at, below });
            }
            SelectionKind::Inline { on } => {
                if on.is_none_or(|on| applies(coercer.schema, object, document.str(on))) {
                    work.push(selection.selections);
                }
            }
            SelectionKind::Spread { name } => {
                let Some(row) = fragments.get(document.str(name)).copied() else { continue };
                let fragment = &document.fragments()[row];
                if visited.insert(row) && applies(coercer.schema, object, document.str(fragment.on)) {
                    work.push(fragment.selections);
                }
            }
        }
    }
    Ok(groups)
}

fn applies(schema: &Schema, object: TypeIx, on: &str) -> bool {
    schema.find(on).is_some_and(|on| schema.is_a(object, on))
}

fn included(coercer: &Coercer<'_>, selection: &Selection) -> Result<bool, GraphqlError> {
    for directive in coercer.document.directives(selection.directives) {
        let wanted = match coercer.document.str(directive.name) {
            "include" => true,
            "skip" => false,
            _ => continue,
        };
        let entry = coercer.document.entries(directive.arguments).first();
        let condition =
            entry.map_or_else(|| Err("the argument \"if\" is missing".to_owned()), |e| coercer.condition(e));
        let location = || Some(coercer.document.location(selection.at));
        if condition.map_err(|error| GraphqlError::invalid(error, location()))? != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}
