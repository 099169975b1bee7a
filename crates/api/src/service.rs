//! Requests in, answers out: parsing, validation, execution and the caches between them.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use kukri_engine::{Engine, OpError, Session};
use kukri_model::Digest;
use serde_json::{Map, Value as Json};

use crate::document::{self, Document, DocumentCache, MAX_KEPT_ANSWER, Prepared, Range};
use crate::error::{GraphqlError, Stage};
use crate::exec::Execution;
use crate::schema::{Resolve, Schema, View};
use crate::{validate, variables};

/// Most views whose types are kept at the same time.
const MOST_VIEWS: usize = 16;

/// Settings of an [`Api`].
#[derive(Clone, Copy, Debug)]
pub struct ApiConfig {
    /// Bytes of parsed documents to keep. Default: 64 MiB.
    pub document_cache: usize,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { document_cache: 64 << 20 }
    }
}

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The document.
    pub query: String,
    /// Which of its operations; `None` or empty if there is only one.
    pub operation: Option<String>,
    /// Values of variables.
    pub variables: Map<String, Json>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The JSON: `{"data":…}` or `{"errors":[…],"data":null}`.
    pub body: Bytes,
    /// At which point the request failed; `None` if it did not.
    pub failed: Option<Stage>,
}

/// GraphQL over one engine.
pub struct Api {
    engine: Arc<Engine>,
    schemas: Mutex<HashMap<View, Arc<Schema>>>,
    documents: DocumentCache,
}

impl Api {
    /// The API of an engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, config: &ApiConfig) -> Self {
        let documents = DocumentCache::new(config.document_cache);
        Self { engine, schemas: Mutex::default(), documents }
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The types of a view; built when it is first asked for.
    #[must_use]
    pub fn schema(&self, view: View) -> Arc<Schema> {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if !schemas.contains_key(&view) && schemas.len() >= MOST_VIEWS {
            schemas.clear();
        }
        let build = || Arc::new(Schema::build(self.engine.registry(), &view));
        Arc::clone(schemas.entry(view).or_insert_with(build))
    }

    /// Gives back the memory of everything that can be made or read again: for when nobody uses the engine.
    pub async fn trim(&self) -> Result<(), OpError> {
        self.documents.clear();
        self.engine.trim().await
    }

    /// Answers a request. Dropping the future ends the request's work.
    pub async fn execute(&self, session: &Arc<Session>, view: View, request: &Request) -> Response {
        match self.answer(session, view, request).await {
            Ok(body) => Response { body, failed: None },
            Err(mut error) => {
                // All errors of a session leave the engine here, from whatever layer their words are.
                error.mask(|text| session.progress().mask(text));
                Response { body: error.to_body().into(), failed: Some(error.stage) }
            }
        }
    }

    async fn answer(
        &self,
        session: &Arc<Session>,
        view: View,
        request: &Request,
    ) -> Result<Bytes, GraphqlError> {
        let schema = self.schema(view);
        let prepared = self.prepare(&schema, &request.query)?;
        let document = &prepared.document;
        let row = validate::choose(document, request.operation.as_deref())?;
        let operation = &document.operations()[row];
        let variables = variables::values(document, operation, &request.variables)?;
        // An answer that depends on the document alone is kept with it.
        let fixed = prepared.introspection.get(row).and_then(Option::as_ref);
        if let Some(body) = fixed.and_then(OnceLock::get) {
            return Ok(body.clone());
        }
        let execution =
            Execution { engine: &self.engine, session, schema: &schema, document, variables: &variables };
        // A panic of one operation must not take the connection down, nor leave the client without an answer.
        let run = AssertUnwindSafe(execution.run(operation.selections)).catch_unwind();
        let body = Bytes::from(run.await.unwrap_or_else(|_| Err(panicked()))?);
        if let Some(cell) = fixed.filter(|_| body.len() <= MAX_KEPT_ANSWER) {
            cell.get_or_init(|| body.clone());
        }
        Ok(body)
    }

    /// The document, parsed and validated.
    fn prepare(&self, schema: &Schema, text: &str) -> Result<Arc<Prepared>, GraphqlError> {
        let key = (Digest::of(text.as_bytes()), *schema.view());
        if let Some(prepared) = self.documents.get(&key) {
            return Ok(prepared);
        }
        let document = document::parse(text).map_err(|error| GraphqlError::syntax(&error, text))?;
        let checked = validate::document(schema, &document)?;
        let fixed = document.operations().iter().map(|operation| {
            let fixed =
                operation.variables.is_empty() && only_describes(schema, &document, operation.selections);
            fixed.then(OnceLock::new)
        });
        let introspection = fixed.collect();
        let prepared = Arc::new(Prepared { document, introspection });
        if !checked.sensitive {
            self.documents.insert(key, &prepared);
        }
        Ok(prepared)
    }
}

fn panicked() -> GraphqlError {
    tracing::error!("an operation panicked");
    let error =
        OpError::new("the engine failed on this request; its log says where. This is a defect of the engine");
    GraphqlError::failed(&error, Vec::new())
}

/// Whether all that is selected describes the API.
fn only_describes(schema: &Schema, document: &Document, selections: Range) -> bool {
    document.selections(selections).iter().all(|selection| match selection.kind {
        document::SelectionKind::Field { name, .. } => {
            let field =
                schema.composite(schema.query()).and_then(|query| query.fields.get(document.str(name)));
            field.is_some_and(|field| matches!(field.resolve, Resolve::Meta))
        }
        _ => false,
    })
}
