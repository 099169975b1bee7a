//! Work that is told only if it takes long or fails.

use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use kukri_model::Encoder;
use kukri_telemetry::SpanKind;

use super::{Progress, now};
use crate::engine::Engine;
use crate::error::OpError;

/// What takes longer is told while it goes on: nobody should have to ask what is waited for.
const LONG: Duration = Duration::from_secs(2);

/// Failures that are remembered at most.
const MOST: usize = 1_000;

impl Progress {
    /// Does work that is over soon and that nobody wants to read of, unless it takes long or fails: then it is a span, from
    /// its real beginning on. What fails at once and as it did before is told no more: many branches may start from the
    /// same image that is not there.
    pub async fn quietly<T>(
        &self,
        engine: &Arc<Engine>,
        label: impl FnOnce() -> String,
        kind: SpanKind,
        work: impl Future<Output = Result<T, OpError>>,
    ) -> Result<T, OpError> {
        let began = now();
        let mut work = pin!(work);
        let early = tokio::select! {
            biased;
            result = &mut work => Some(result),
            () = tokio::time::sleep(LONG) => None,
        };
        let label = label();
        match early {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) if !self.is_new(&label, &error) => Err(error),
            Some(result) => {
                self.begin_at(engine, label, kind, Vec::new(), began).end(&result);
                result
            }
            None => {
                let span = self.begin_at(engine, label, kind, Vec::new(), began);
                let result = work.await;
                span.end(&result);
                result
            }
        }
    }

    fn is_new(&self, label: &str, error: &OpError) -> bool {
        let mut known = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = Encoder::new("kukri.progress.failure.v1").str(label).str(&error.to_string()).finish();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(failure)
    }
}
