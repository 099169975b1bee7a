//! User namespaces: whether the engine is inside one.

/// Whether this process is in a user namespace that is not the machine's first one.
#[must_use]
pub fn inside() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let fields: Vec<&str> = map.split_whitespace().collect();
    fields != ["0", "0", "4294967295"]
}
