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
pub mod registry;
pub mod session;
pub mod value;

pub use args::{ArgValue, Args};
pub use call::Call;
pub use context::Cx;
pub use engine::Engine;
pub use error::{ExecError, OpError};
pub use registry::Registry;
pub use session::Session;
pub use value::{ObjectValue, Value};
