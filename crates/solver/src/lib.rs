//! Schedules a graph of operations.
//!
//! Knows: vertices with typed inputs, keys, waiting callers, slots.
//! Must not know: containers, disks, networks, GraphQL. It is tested on integers.
#![forbid(unsafe_code)]
