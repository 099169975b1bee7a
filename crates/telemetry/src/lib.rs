//! Progress events and a pure reducer from events to what a view shows.
//!
//! Must not know: terminals, sockets, clocks (times come with the events).
#![forbid(unsafe_code)]
