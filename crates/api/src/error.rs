//! Errors as they stand in an answer.

pub mod kinds;

use std::borrow::Cow;

use kukri_engine::OpError;
use serde_json::{Map, Value as Json, json};

use crate::document::{Location, SyntaxError};

/// At which point a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The text is not a document.
    Parse,
    /// The document does not fit the schema, or the variables do not fit the document.
    Validate,
    /// A field failed.
    Execute,
}

/// One element of an error's path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum PathKey {
    /// A key of the answer.
    Key(String),
    /// An index of a list.
    Index(usize),
}

/// An error of an answer. A request has at most one: the first.
#[derive(Clone, Debug)]
pub struct GraphqlError {
    /// At which point it happened.
    pub stage: Stage,
    /// What is wrong.
    pub message: String,
    /// Where in the document.
    pub location: Option<Location>,
    /// Keys of the answer down to the field that failed.
    pub path: Vec<PathKey>,
    /// What else is known. Absent if there is nothing to say: clients stumble over null.
    pub extensions: Option<Map<String, Json>>,
}

impl GraphqlError {
    /// A document that does not parse.
    #[must_use]
    pub fn syntax(error: &SyntaxError, text: &str) -> Self {
        Self {
            stage: Stage::Parse,
            message: error.message.clone(),
            location: Some(error.location(text)),
            path: Vec::new(),
            extensions: kinds::fixed(&kinds::SYNTAX),
        }
    }

    /// A document or variables that do not fit.
    #[must_use]
    pub fn invalid(message: impl Into<String>, location: Option<Location>) -> Self {
        Self {
            stage: Stage::Validate,
            message: message.into(),
            location,
            path: Vec::new(),
            extensions: kinds::fixed(&kinds::INVALID),
        }
    }

    /// A field that failed.
    #[must_use]
    pub fn failed(error: &OpError, path: Vec<PathKey>) -> Self {
        let extensions = match error {
            OpError::Exec(exec) => {
                let mut map = kinds::fixed(&kinds::EXEC).unwrap_or_default();
                map.extend([
                    ("cmd".to_owned(), json!(exec.cmd)),
                    ("exitCode".to_owned(), json!(exec.exit_code)),
                    ("stdout".to_owned(), json!(exec.stdout)),
                    ("stderr".to_owned(), json!(exec.stderr)),
                    ("step".to_owned(), json!(exec.step)),
                    ("call".to_owned(), json!("")),
                ]);
                Some(map)
            }
            _ => kinds::fixed(&kinds::FAILED),
        };
        Self { stage: Stage::Execute, message: error.to_string(), location: None, path, extensions }
    }

    /// Changes all texts of it that say what was asked for or what happened; not those that say of which kind it is,
    /// and not IDs.
    pub fn mask(&mut self, mask: impl Fn(&str) -> String) {
        self.message = mask(&self.message);
        for (key, value) in self.extensions.iter_mut().flatten() {
            match value {
                _ if matches!(key.as_str(), "_type" | "code" | "call") => {}
                Json::String(text) => *text = mask(text),
                Json::Array(values) => {
                    let texts = values.iter_mut().filter(|value| value.is_string());
                    texts.for_each(|text| *text = mask(text.as_str().unwrap_or_default()).into());
                }
                _ => {}
            }
        }
    }

    /// Says which call ran the command that failed.
    #[must_use]
    pub fn made_by(mut self, id: String) -> Self {
        if let Some(extensions) = &mut self.extensions {
            extensions.insert("call".to_owned(), Json::String(id));
        }
        self
    }

    /// The message as it is sent. Names and values in it come from the request, which may have megabytes of them.
    fn shown(&self) -> Cow<'_, str> {
        const START: usize = 60 << 10;
        const END: usize = 4 << 10;
        let message = &self.message;
        if message.len() <= START + END {
            return Cow::Borrowed(message);
        }
        let border = |at: usize| (at..message.len()).find(|at| message.is_char_boundary(*at)).unwrap_or(at);
        let (start, end) = (border(START), border(message.len() - END));
        Cow::Owned(format!("{}… ({} bytes) …{}", &message[..start], end - start, &message[end..]))
    }

    /// The answer with this error alone.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(self.shown()));
        if !self.path.is_empty() {
            error.insert("path".to_owned(), json!(self.path));
        }
        if let Some(location) = self.location {
            error.insert("locations".to_owned(), json!([location]));
        }
        if let Some(extensions) = &self.extensions {
            error.insert("extensions".to_owned(), Json::Object(extensions.clone()));
        }
        json!({ "errors": [error], "data": null }).to_string().into_bytes()
    }
}

impl std::fmt::Display for GraphqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GraphqlError {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kukri_engine::ExecError;

    use super::*;

    fn exec() -> ExecError {
        ExecError {
            cmd: vec!["false".to_owned()],
            exit_code: 1,
            stdout: String::new(),
            stderr: String::new(),
            step: 1,
            recipe: kukri_model::Digest::of(b"a command"),
            note: None,
        }
    }

    #[test]
    fn texts_are_masked_and_kinds_are_not() {
        let text = || "hush EXEC_ERROR".to_owned();
        let cmd = vec![text(), "-v".to_owned()];
        let exec = ExecError { cmd, stdout: text(), stderr: text(), note: Some(text()), ..exec() };
        let error = GraphqlError::failed(&OpError::Exec(Arc::new(exec)), Vec::new());
        let mut error = error.made_by("an ID with hush".to_owned());
        error.mask(|text| text.replace("hush", "***").replace("EXEC", "***"));
        assert_eq!(error.message, "exit code: 1 (*** ***_ERROR)");
        let masked = "*** ***_ERROR";
        let told = json!({
            "_type": "EXEC_ERROR", "cmd": [masked, "-v"], "exitCode": 1, "stdout": masked, "stderr": masked, "step": 1,
            "call": "an ID with hush"
        });
        assert_eq!(Json::Object(error.extensions.unwrap()), told);
    }

    #[test]
    fn answers_have_what_is_said_of_their_kind() {
        let syntax = SyntaxError { message: "m".to_owned(), at: 0 };
        for (error, kind) in [
            (GraphqlError::failed(&OpError::Exec(Arc::new(exec())), Vec::new()), kinds::EXEC),
            (GraphqlError::failed(&OpError::new("no"), Vec::new()), kinds::FAILED),
            (GraphqlError::syntax(&syntax, "{"), kinds::SYNTAX),
            (GraphqlError::invalid("no", None), kinds::INVALID),
        ] {
            let found: Vec<String> = error.extensions.unwrap_or_default().keys().cloned().collect();
            let mut said: Vec<&str> = kind.extensions.iter().map(kinds::Extension::key).collect();
            said.sort_unstable();
            assert_eq!(found, said, "{}", kind.name);
        }
    }
}
