//! Firewalls made with the old `iptables` (its own tables in the kernel, not nf_tables), which cannot be changed in
//! parts: they are read, and the user is told.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const SO_GET_INFO: i32 = 64;
const SO_GET_ENTRIES: i32 = 65;
const HOOK_FORWARD: usize = 2;
const NAME_LENGTH: usize = 32;
/// `struct ipt_getinfo`: name, valid hooks, entry offsets, underflow offsets, number of entries, size.
const INFO_LENGTH: usize = NAME_LENGTH + 4 + 20 + 20 + 4 + 4;
/// `struct ipt_get_entries` before its entries: name, size, padding.
const ENTRIES_HEADER: usize = NAME_LENGTH + 8;
/// Offset of `target_offset` in `struct ipt_entry`.
const TARGET_OFFSET: usize = 88;
/// Length of `struct xt_entry_target`, which stands before the verdict.
const TARGET_HEADER: usize = 32;
/// How "drop" is written as a rule's verdict.
const VERDICT_DROP: i32 = -1;

/// What to tell the user when the old FORWARD chain drops by policy and knows nothing of our bridge.
pub(super) fn warning(bridge: &str) -> Option<String> {
    // Asking the kernel would load the module, so ask only where somebody has loaded it.
    let tables = fs::read_to_string("/proc/net/ip_tables_names").ok()?;
    if !tables.lines().any(|table| table == "filter") {
        return None;
    }
    let (entries, underflow) = filter_table()?;
    if !drops(&entries, underflow) || mentions(&entries, bridge) {
        return None;
    }
    Some(format!(
        "the host's iptables (legacy) drops forwarded packets, so containers reach nothing outside; run: \
         iptables-legacy -I FORWARD -i {bridge} -j ACCEPT; \
         iptables-legacy -I FORWARD -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    ))
}

/// The rules of the filter table and where the FORWARD chain's policy stands in them.
fn filter_table() -> Option<(Vec<u8>, usize)> {
    // SAFETY: no pointers are passed; the result is checked before it is owned.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_RAW) };
    if fd < 0 {
        return None;
    }
    // SAFETY: `fd` was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut info = vec![0u8; INFO_LENGTH];
    info[..6].copy_from_slice(b"filter");
    ask(&socket, SO_GET_INFO, &mut info)?;
    let number = |at: usize| Some(u32::from_ne_bytes(info.get(at..at + 4)?.try_into().ok()?) as usize);
    let underflow = number(NAME_LENGTH + 4 + 20 + HOOK_FORWARD * 4)?;
    let size = number(INFO_LENGTH - 4)?;
    let mut entries = vec![0u8; ENTRIES_HEADER + size];
    entries[..6].copy_from_slice(b"filter");
    entries[NAME_LENGTH..NAME_LENGTH + 4].copy_from_slice(&(size as u32).to_ne_bytes());
    ask(&socket, SO_GET_ENTRIES, &mut entries)?;
    entries.drain(..ENTRIES_HEADER);
    Some((entries, underflow))
}

fn ask(socket: &OwnedFd, option: i32, buffer: &mut [u8]) -> Option<()> {
    let mut length = buffer.len() as libc::socklen_t;
    // SAFETY: pointer and length describe the buffer; the kernel writes no more than that.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            option,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (outcome == 0).then_some(())
}

fn drops(entries: &[u8], policy: usize) -> bool {
    let verdict = || {
        let target = u16::from_ne_bytes(
            entries.get(policy + TARGET_OFFSET..policy + TARGET_OFFSET + 2)?.try_into().ok()?,
        );
        let at = policy + usize::from(target) + TARGET_HEADER;
        Some(i32::from_ne_bytes(entries.get(at..at + 4)?.try_into().ok()?))
    };
    verdict() == Some(VERDICT_DROP)
}

/// Whether some rule names the bridge: then somebody has taken care.
fn mentions(entries: &[u8], bridge: &str) -> bool {
    let mut name = bridge.as_bytes().to_vec();
    name.push(0);
    entries.windows(name.len()).any(|window| window == name)
}
