//! What a request asks for, from its body or from its address.

use serde_json::{Map, Value as Json};

use crate::Request;

/// Reads the body of a `POST`.
pub(super) fn from_body(body: &[u8]) -> Result<Request, String> {
    let value: Json = serde_json::from_slice(body)
        .map_err(|error| format!("json request body could not be decoded: {error}"))?;
    match value {
        Json::Object(map) => from_map(map),
        Json::Array(_) => Err("batches are not supported: send one request at a time".to_owned()),
        _ => Err("the body must be a JSON object with \"query\"".to_owned()),
    }
}

/// Reads the parameters of a `GET`: `query`, `operationName`, and `variables` as JSON.
pub(super) fn from_parameters(query: &str) -> Result<Request, String> {
    let mut map = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            "query" | "operationName" => Json::String(value.into_owned()),
            "variables" if value.is_empty() => Json::Null,
            "variables" => serde_json::from_str(&value)
                .map_err(|error| format!("variables could not be decoded: {error}"))?,
            _ => continue,
        };
        // The first counts.
        map.entry(name.into_owned()).or_insert(value);
    }
    from_map(map)
}

fn from_map(mut map: Map<String, Json>) -> Result<Request, String> {
    let text = |map: &mut Map<String, Json>, key: &str| match map.remove(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key:?} must be a text")),
    };
    Ok(Request {
        query: text(&mut map, "query")?.ok_or("\"query\" is missing")?,
        operation: text(&mut map, "operationName")?,
        variables: match map.remove("variables") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(variables)) => variables,
            Some(_) => return Err("\"variables\" must be an object".to_owned()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        for body in [
            r#"{"query":"{a}"}"#,
            r#"{"query":"{a}","variables":null}"#,
            r#"{"query":"{a}","variables":{},"operationName":"","extensions":{}}"#,
        ] {
            let request = from_body(body.as_bytes()).unwrap();
            assert_eq!((request.query.as_str(), request.variables.len()), ("{a}", 0), "{body}");
        }
        let deep = "[".repeat(100_000);
        for body in ["", "{", "[]", "1", r#"{"query":1}"#, r#"{"query":"a","variables":[]}"#, "{}", &deep] {
            assert!(from_body(body.as_bytes()).is_err(), "{body:.20}");
        }
    }

    #[test]
    fn parameters() {
        let request = from_parameters(
            "query=query+A%7Ba%7D&operationName=A&variables=%7B%22n%22%3A1%7D&extensions=%7B&query=b",
        )
        .unwrap();
        assert_eq!((request.query.as_str(), request.operation.as_deref()), ("query A{a}", Some("A")));
        assert_eq!(request.variables["n"], 1);
        assert!(from_parameters("query={a}&variables=").unwrap().variables.is_empty());
        for query in ["", "query", "variables={}", "query={a}&variables={", "query={a}&variables=[]"] {
            let read = from_parameters(query);
            // An empty document is told like one in a body.
            assert!(read.is_err() || read.is_ok_and(|request| request.query.is_empty()), "{query}");
        }
    }
}
