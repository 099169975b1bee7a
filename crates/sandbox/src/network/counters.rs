//! What went through a container's interface.

use std::io;

use crate::NetworkUsage;

/// Of the pair of interfaces whose end in the calling thread's namespace has this name, as the other end sees it: what
/// comes out here, the container has sent. Netlink knows it too, but whoever asks there waits while interfaces are made,
/// which goes on all the time.
pub(super) fn read(outer: &str) -> io::Result<Option<NetworkUsage>> {
    Ok(find(&std::fs::read_to_string("/proc/thread-self/net/dev")?, outer))
}

/// Lines "name: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop …", received first.
fn find(text: &str, outer: &str) -> Option<NetworkUsage> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(outer)?.strip_prefix(':'))?;
    let numbers: Vec<u64> = line.split_ascii_whitespace().map_while(|word| word.parse().ok()).collect();
    match numbers[..] {
        [tx_bytes, tx_packets, _, tx_dropped, _, _, _, _, rx_bytes, rx_packets, _, rx_dropped, ..] => {
            Some(NetworkUsage { rx_bytes, rx_packets, rx_dropped, tx_bytes, tx_packets, tx_dropped })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_here_was_sent_there() {
        let text = "Inter-|   Receive   |  Transmit\n face |bytes packets\n    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n\
                    k-10: 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8\n  k-1: 1 2 3 4 5 6 7 8 11 12 13 14 15 16 17 18\n";
        let expected = NetworkUsage {
            rx_bytes: 11,
            rx_packets: 12,
            rx_dropped: 14,
            tx_bytes: 1,
            tx_packets: 2,
            tx_dropped: 4,
        };
        assert_eq!(find(text, "k-1"), Some(expected));
        assert_eq!(find(text, "k-2"), None);
        assert_eq!(find("k-1: 1 2", "k-1"), None);
    }

    #[test]
    fn only_what_was_added_counts() {
        let before = NetworkUsage { rx_bytes: 5, ..NetworkUsage::default() };
        let after = NetworkUsage { rx_bytes: 7, tx_packets: 1, ..NetworkUsage::default() };
        assert_eq!(
            after.since(&before),
            NetworkUsage { rx_bytes: 2, tx_packets: 1, ..NetworkUsage::default() }
        );
        assert!(read("no such interface").unwrap().is_none());
    }
}
