//! What the API's objects and operations mean: one file per operation.
//!
//! Must not know: GraphQL, HTTP, terminals, the environment of the process.
#![forbid(unsafe_code)]

pub mod args;
pub mod call;
pub mod context;
pub mod engine;
pub mod error;
pub mod objects;
pub mod operation;
pub mod progress;
pub mod registry;
pub mod session;
pub mod size;
pub mod text;
pub mod trace;
pub mod transfer;
pub mod value;
pub mod vertex;

pub use args::{ArgValue, Args};
pub use call::Call;
pub use context::Cx;
pub use engine::{Engine, EngineConfig, ExecEnvironment, Held};
pub use error::{ExecError, OpError};
pub use registry::Registry;
pub use session::Session;
pub use value::{ObjectValue, Value};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells work on a tree that nobody waits for it any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs work that blocks where it may. What it does with trees ends when the caller does not wait any more; the rest of it is
/// done.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpError> + Send + 'static,
) -> Result<T, OpError> {
    let cancel = CancelOnDrop(Arc::default());
    let flag = Arc::clone(&cancel.0);
    match tokio::task::spawn_blocking(move || kukri_tree::cancel::within(flag, work)).await {
        Ok(result) => result,
        Err(error) => Err(OpError::new(format!("internal error: {error}"))),
    }
}
