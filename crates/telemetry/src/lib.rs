//! Progress events and a pure reducer from events to what a view shows.
//!
//! An [`Event`] says what happened. [`View`] is what is known after a row of events. The other modules turn these into
//! text, one for each way to show it; whoever calls them writes it somewhere.
//!
//! Must not know: terminals, sockets, clocks (times come with the events).
#![forbid(unsafe_code)]

mod bars;
pub mod ci;
pub mod context;
pub mod counters;
pub mod dots;
pub mod event;
pub mod format;
pub mod logs;
pub mod open;
pub mod painter;
mod paths;
pub mod plain;
mod rate;
pub mod report;
mod steps;
mod style;
pub mod summary;
#[cfg(test)]
mod testing;
pub mod text;
pub mod trace;
pub mod tty;
#[cfg(test)]
mod unresolved;
pub mod usage;
pub mod view;

pub use ci::Ci;
pub use context::{Moment, Origin, TraceContext, Traced, TracedCall, TracedValue};
pub use counters::Counters;
pub use dots::Dots;
pub use event::{Event, Level, SpanId, SpanKind, SpanOutcome, Stream};
pub use logs::Logs;
pub use open::Open;
pub use painter::Painter;
pub use plain::{Plain, PlainConfig};
pub use summary::Summary;
pub use trace::{Run, Trace};
pub use tty::Screen;
pub use usage::{SpanNetwork, SpanPressure, SpanUsage};
pub use view::{Limits, LogLine, Phase, Progress, Span, SpanState, View};
