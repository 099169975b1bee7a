//! Derives the description of an API operation from its struct.
