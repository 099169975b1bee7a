//! Addresses: texts that stand for other objects.

use std::sync::Arc;

use kukri_model::schema::{ObjectDef, OperationDef};

use crate::args::Args;
use crate::call::Call;
use crate::context::Cx;
use crate::error::OpError;
use crate::value::{ObjectType, Value};

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "Address",
    doc: "A text that stands for something else: the reference of an image, a path of the client's machine, the URI of \
          a secret. What it stands for is decided by what is asked for.",
    interfaces: &[],
};

/// An address.
#[derive(Clone, Debug)]
pub struct Address {
    /// The text.
    pub value: Arc<str>,
}

impl ObjectType for Address {
    const NAME: &'static str = "Address";
}

impl Address {
    /// What an operation gives on an object of the root: the same as if the client had asked for it that way.
    pub async fn follow(
        &self,
        cx: &Cx,
        root: &'static str,
        (on, field, args): (&'static str, &'static str, Args),
    ) -> Result<Value, OpError> {
        let operation = |on: &str, field: &str| {
            let found = cx.engine.registry().operation(on, field);
            found.ok_or_else(|| OpError::new(format!("internal error: there is no {on}.{field}")))
        };
        let root = self.step(cx, cx.engine.root(), operation("Query", root)?, Vec::new());
        let call = self.step(cx, &root, operation(on, field)?, args);
        cx.engine.evaluate(&cx.session, &call).await
    }

    fn step(
        &self,
        cx: &Cx,
        on: &Arc<Call>,
        operation: &'static crate::operation::Operation,
        args: Args,
    ) -> Arc<Call> {
        cx.engine.step(&cx.session, on, operation, args)
    }

    /// The path on the client's machine, for `operation`, which can do nothing else yet.
    pub fn local_path(&self, operation: &OperationDef) -> Result<Arc<str>, OpError> {
        if self.value.is_empty() {
            return Err(OpError::new("the address is empty; give a path"));
        }
        if let Some(path) = self.value.strip_prefix("file://") {
            return Ok(path.into());
        }
        if is_remote(&self.value) {
            return Err(OpError::new(format!("{}: {}", self.value, operation.refusal())));
        }
        Ok(Arc::clone(&self.value))
    }

    /// The URI of a secret, and what stands for its value in cache keys where the URI says so.
    #[must_use]
    pub fn secret_uri(&self) -> (String, Option<String>) {
        let plain = || (self.value.to_string(), None);
        let Some((before, query)) = self.value.rsplit_once('?') else { return plain() };
        let mut key = None;
        let mut others: Vec<&str> = Vec::new();
        for part in query.split('&') {
            match part.strip_prefix("cacheKey=") {
                Some(value) => key = Some(value.to_owned()),
                None => others.push(part),
            }
        }
        match key {
            None => plain(),
            Some(_) if others.is_empty() => (before.to_owned(), key),
            Some(_) => (format!("{before}?{}", others.join("&")), key),
        }
    }
}

/// Whether a text is the URL of a git repository: `scheme://…` or `user@host:path`.
fn is_remote(text: &str) -> bool {
    if let Some((scheme, _)) = text.split_once("://") {
        return !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    }
    let host = text.split_once(':').map(|(host, _)| host);
    host.is_some_and(|host| host.contains('@') && !host.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Described;

    fn address(value: &str) -> Address {
        Address { value: value.into() }
    }

    #[test]
    fn secrets_with_a_key() {
        for (value, uri, key) in [
            ("env://FOO", "env://FOO", None),
            ("env://FOO?cacheKey=bar", "env://FOO", Some("bar")),
            ("file:///a/b?cacheKey=x", "file:///a/b", Some("x")),
            ("cmd://echo foo?cacheKey=x", "cmd://echo foo", Some("x")),
            ("cmd://curl 'http://x/?a=b'", "cmd://curl 'http://x/?a=b'", None),
            ("op://foo?cacheKey=k&other=param", "op://foo?other=param", Some("k")),
            ("op://foo?other=param&cacheKey=k", "op://foo?other=param", Some("k")),
        ] {
            assert_eq!(address(value).secret_uri(), (uri.to_owned(), key.map(str::to_owned)), "{value}");
        }
    }

    #[test]
    fn paths_and_repositories() {
        for (value, expected) in [
            (".", Some(".")),
            ("/a/b", Some("/a/b")),
            ("./x@y", Some("./x@y")),
            ("a:b", Some("a:b")),
            ("~/x", Some("~/x")),
            ("file:///a", Some("/a")),
            ("https://example.com/a.git", None),
            ("git@example.com:a/b.git", None),
            ("ssh://git@example.com/a", None),
            ("", None),
        ] {
            assert_eq!(
                address(value).local_path(&super::super::directory::Directory::DEF).ok().as_deref(),
                expected,
                "{value}"
            );
        }
    }
}
