//! Variables: declared once, of types that exist, used, and used where they fit.

use std::collections::{HashMap, HashSet};

use super::{Result, Use, Uses, Validator};
use crate::document::{Literal, Operation, Variable};
use crate::schema::{Scalar, Type, TypeIx, TypeKind};

impl Validator<'_> {
    /// Checks the variables of an operation: declared once, of types that exist, used, and used where they fit. Gives the
    /// fragments that it uses, itself or by others.
    pub(super) fn variables(
        &self,
        operation: &Operation,
        own: &Uses,
        fragments: &[Uses],
    ) -> Result<HashSet<usize>> {
        let document = self.document;
        let mut declared: HashMap<&str, (usize, bool)> = HashMap::new();
        let variables = document.variables(operation.variables);
        for (at, variable) in variables.iter().enumerate() {
            let name = document.str(variable.name);
            let start = variable.name.start;
            // None is defined for this place.
            self.directives(variable.directives, "VARIABLE_DEFINITION", &mut Uses::default())?;
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
            let mut held = Uses::default();
            if let Some(row) = variable.default {
                self.value(document.entry(row), None, &mut held)?;
            }
            if !held.variables.is_empty() {
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
            None => Ok(seen),
        }
    }

    /// Whether a variable may stand in a place: its type must be that of the place, or stricter.
    fn fits(&self, variable: &Variable, place: &Type, place_has_default: bool) -> bool {
        // A default that is not null stands in for a value that is not given, so null never arrives.
        let default = variable.default.map(|row| &self.document.entry(row).value);
        let defaulted = place_has_default || default.is_some_and(|value| !matches!(value, Literal::Null));
        let mut lists = variable.ty.lists.iter().rev();
        let (mut place, mut outermost) = (place, true);
        loop {
            let list = lists.next();
            let non_null = *list.unwrap_or(&variable.ty.non_null);
            let never_null = non_null || (outermost && defaulted);
            if !place.is_nullable() && !never_null {
                return false;
            }
            match (list, place.nullable()) {
                (Some(_), Type::List(inner)) => place = inner,
                (None, Type::Named(ix)) => return self.same(self.document.str(variable.ty.name), *ix),
                _ => return false,
            }
            outermost = false;
        }
    }

    /// Whether a type is the one with this name. `ID` and `ContainerID` stand for one another: which of them a place has
    /// depends on the view, and the object is checked when it is looked up.
    fn same(&self, name: &str, place: TypeIx) -> bool {
        let is_id = |ix| matches!(self.schema.get(ix).kind, TypeKind::Scalar(Scalar::Id));
        self.schema.find(name).is_some_and(|ix| ix == place || (is_id(ix) && is_id(place)))
    }
}
