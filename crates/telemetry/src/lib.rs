//! Progress events and a pure reducer from events to what a view shows.
//!
//! An [`Event`] says what happened. [`View`] is what is known after a row of events. [`plain`], [`tty`] and [`summary`]
//! turn these into text; whoever calls them writes it somewhere.
//!
//! Must not know: terminals, sockets, clocks (times come with the events).
#![forbid(unsafe_code)]

pub mod event;
pub mod format;
mod paths;
pub mod plain;
mod style;
pub mod summary;
#[cfg(test)]
mod testing;
pub mod text;
pub mod trace;
pub mod tty;
pub mod view;

pub use event::{Event, Level, SpanId, SpanKind, SpanOutcome, SpanUsage, Stream};
pub use plain::{Plain, PlainConfig};
pub use summary::Summary;
pub use trace::{Run, Trace};
pub use tty::Screen;
pub use view::{Counters, Limits, LogLine, Progress, Span, SpanState, View};
