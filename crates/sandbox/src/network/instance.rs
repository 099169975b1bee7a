//! Which engine owns which bridge name.
//!
//! A name is owned by whoever has bound the abstract unix socket of that name. Abstract names belong to a network
//! namespace, exactly as bridges do, and the kernel frees them when their process dies, however it dies.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use super::NetworkError;

/// How many names are tried; so many engines can share a network namespace.
const NAMES: usize = 32;
/// How long another engine's start may take before ours goes on without waiting.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Ownership of a bridge name, for as long as it lives.
#[derive(Debug)]
pub(super) struct Ownership {
    /// Name of the bridge.
    pub(super) bridge: String,
    _marker: UnixDatagram,
}

/// Takes `preferred`, or the next free name with another number at its end.
pub(super) fn own_bridge(preferred: &str) -> Result<Ownership, NetworkError> {
    let names = names(preferred);
    for name in &names {
        match bind(&format!("kukri-bridge-{name}")) {
            Ok(marker) => return Ok(Ownership { bridge: name.clone(), _marker: marker }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(NetworkError::kernel(format!("own the bridge name {name}"), error)),
        }
    }
    let last = names.last().cloned().unwrap_or_default();
    Err(NetworkError::NoBridge { first: preferred.to_owned(), last })
}

/// Held while subnets are chosen, so that two engines which start at once do not choose the same.
pub(super) struct StartLock {
    _marker: Option<UnixDatagram>,
}

impl StartLock {
    pub(super) fn take() -> Self {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            match bind("kukri-network-start") {
                Ok(marker) => return Self { _marker: Some(marker) },
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                // Somebody holds it for too long: a collision is unlikely, an engine which never starts is worse.
                Err(_) => return Self { _marker: None },
            }
        }
    }
}

fn bind(name: &str) -> io::Result<UnixDatagram> {
    UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// `preferred` first, then the same stem with the numbers after its own, going round.
fn names(preferred: &str) -> Vec<String> {
    let stem = preferred.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let first: usize = preferred[stem.len()..].parse().unwrap_or(0);
    let mut names = vec![preferred.to_owned()];
    names.extend((1..NAMES).map(|offset| format!("{stem}{}", (first + offset) % NAMES.max(first + 1))));
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_start_with_the_preferred_one_and_differ() {
        assert_eq!(names("kukri0")[..3], ["kukri0", "kukri1", "kukri2"]);
        assert_eq!(names("kukri30")[..4], ["kukri30", "kukri31", "kukri0", "kukri1"]);
        let names = names("kukri0");
        let different: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), NAMES);
    }

    #[test]
    fn a_name_has_one_owner_until_it_is_dropped() {
        let stem = format!("kt{}x", std::process::id());
        let first = own_bridge(&format!("{stem}0")).unwrap();
        let second = own_bridge(&format!("{stem}0")).unwrap();
        assert_eq!((first.bridge, second.bridge), (format!("{stem}0"), format!("{stem}1")));
        drop(first._marker);
        assert_eq!(own_bridge(&format!("{stem}0")).unwrap().bridge, format!("{stem}0"));
    }
}
