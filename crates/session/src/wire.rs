//! Bodies of the requests.
