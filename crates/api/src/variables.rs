//! The values of an operation's variables: given with the request, or their defaults.

use serde_json::{Map, Value as Json};

use crate::coerce::{VariableValue, Variables};
use crate::document::{Document, Operation};
use crate::error::GraphqlError;

/// The variables of `operation`. A variable that must have a value and has none is an error; values that are given
/// but not declared are ignored.
pub(crate) fn values(
    document: &Document,
    operation: &Operation,
    given: &Map<String, Json>,
) -> Result<Variables, GraphqlError> {
    let mut values = Variables::new();
    for variable in document.variables(operation.variables) {
        let name = document.str(variable.name);
        let required = variable.ty.lists.last().copied().unwrap_or(variable.ty.non_null);
        let fail = |what: &str| {
            let message = format!(
                "Variable \"${name}\" of required type {:?} {what}.",
                document.type_text(&variable.ty)
            );
            Err(GraphqlError::invalid(message, Some(document.location(variable.name.start))))
        };
        match (given.get(name), variable.default) {
            (Some(Json::Null), None) if required => return fail("must not be null"),
            (Some(Json::Null) | None, Some(row)) => {
                values.insert(name.to_owned(), VariableValue::Default(row));
            }
            (Some(value), _) => {
                values.insert(name.to_owned(), VariableValue::Given(value.clone()));
            }
            (None, None) if required => return fail("was not provided"),
            (None, None) => {}
        }
    }
    Ok(values)
}
