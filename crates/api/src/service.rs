//! Requests in, answers out: parsing, validation, execution and the caches between them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use kukri_engine::{Engine, Session};
use kukri_model::Digest;
use serde_json::{Map, Value as Json};

use crate::document::{self, Document, DocumentCache, Prepared, Range};
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

    /// Answers a request. Dropping the future ends the request's work.
    pub async fn execute(&self, session: &Arc<Session>, view: View, request: &Request) -> Response {
        match self.answer(session, view, request).await {
            Ok(body) => Response { body, failed: None },
            Err(error) => Response { body: error.to_body().into(), failed: Some(error.stage) },
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
        let fixed = prepared.introspection.get(row).filter(|_| {
            operation.variables.is_empty() && only_describes(&schema, document, operation.selections)
        });
        if let Some(body) = fixed.and_then(OnceLock::get) {
            return Ok(body.clone());
        }
        let execution =
            Execution { engine: &self.engine, session, schema: &schema, document, variables: &variables };
        let body = Bytes::from(execution.run(operation.selections).await?);
        Ok(fixed.map_or_else(|| body.clone(), |cell| cell.get_or_init(|| body.clone()).clone()))
    }

    /// The document, parsed and validated.
    fn prepare(&self, schema: &Schema, text: &str) -> Result<Arc<Prepared>, GraphqlError> {
        let key = (Digest::of(text.as_bytes()), *schema.view());
        if let Some(prepared) = self.documents.get(&key) {
            return Ok(prepared);
        }
        let document = document::parse(text).map_err(|error| GraphqlError::syntax(&error, text))?;
        validate::document(schema, &document)?;
        let introspection = document.operations().iter().map(|_| OnceLock::new()).collect();
        let prepared = Arc::new(Prepared { document, introspection });
        self.documents.insert(key, &prepared);
        Ok(prepared)
    }
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
