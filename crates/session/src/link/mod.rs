//! Frames and calls.
