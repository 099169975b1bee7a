//! The netlink wire: messages with nested attributes, and a socket which sends them and reads the answers.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Attribute types of nested attributes carry this bit.
const NESTED: u16 = 1 << 15;
const SOL_NETLINK: i32 = 270;
const NETLINK_CAP_ACK: i32 = 10;
const NETLINK_EXT_ACK: i32 = 11;
/// Attribute of an error message: the kernel's own words.
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLM_F_ACK_TLVS: u16 = 0x200;

/// One message being written; attributes follow the family's fixed header.
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Starts a message of this kind; `flags` are `NLM_F_*`, the request flag is added.
    pub(super) fn new(kind: u16, flags: i32) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes }
    }

    /// Adds raw bytes: the family's fixed header.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self.pad();
        self
    }

    /// Adds an attribute.
    pub(super) fn attr(mut self, kind: u16, value: &[u8]) -> Self {
        self.bytes.extend_from_slice(&((value.len() + 4) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    /// Adds a number in the machine's byte order.
    pub(super) fn u32(self, kind: u16, value: u32) -> Self {
        self.attr(kind, &value.to_ne_bytes())
    }

    /// Adds a number in network byte order, as nf_tables wants them.
    pub(super) fn be32(self, kind: u16, value: u32) -> Self {
        self.attr(kind, &value.to_be_bytes())
    }

    /// Adds a text with its closing zero byte.
    pub(super) fn str(self, kind: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attr(kind, &bytes)
    }

    /// Adds an attribute which holds what `fill` adds.
    pub(super) fn nest(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        let mut inner = fill(self);
        let length = (inner.bytes.len() - start) as u16;
        inner.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        inner.bytes[start + 2..start + 4].copy_from_slice(&(kind | NESTED).to_ne_bytes());
        inner
    }

    /// Asks for an acknowledgement of this message alone.
    pub(super) fn acknowledged(mut self) -> Self {
        let flags = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) | libc::NLM_F_ACK as u16;
        self.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        self
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn seal(&mut self, sequence: u32, extra_flags: u16) {
        let length = self.bytes.len() as u32;
        let flags = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) | extra_flags;
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
    }
}

/// A message which the kernel sent.
#[derive(Debug)]
pub(super) struct Reply {
    /// The family's fixed header and the attributes.
    pub(super) payload: Vec<u8>,
}

/// Walks the attributes in `bytes`; stops where they are malformed.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(0..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & !NESTED;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

/// The first attribute of this kind.
pub(super) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// The text of an attribute, up to its zero byte.
pub(super) fn text(value: &[u8]) -> &str {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    std::str::from_utf8(&value[..end]).unwrap_or("")
}

/// A netlink socket. It belongs to the network namespace in which it was opened, wherever its user goes later.
pub(super) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket of this protocol (`NETLINK_ROUTE`, `NETLINK_NETFILTER`) in the thread's network namespace.
    pub(super) fn open(protocol: i32) -> io::Result<Self> {
        // SAFETY: no pointers are passed; the result is checked before it is owned.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        for option in [NETLINK_CAP_ACK, NETLINK_EXT_ACK] {
            let on = 1i32;
            // Only makes messages better; old kernels do without.
            // SAFETY: the option's value is an int which outlives the call.
            unsafe {
                libc::setsockopt(
                    fd.as_raw_fd(),
                    SOL_NETLINK,
                    option,
                    (&raw const on).cast(),
                    size_of::<i32>() as u32,
                );
            }
        }
        Ok(Self { fd, sequence: 0, buffer: vec![0; 32 * 1024] })
    }

    /// Sends one message and waits for its acknowledgement.
    pub(super) fn request(&mut self, message: Message) -> io::Result<()> {
        self.batch(vec![message]).map_err(|(_, error)| error)
    }

    /// Sends messages in one call; the kernel carries them out in order. On failure tells which one failed first
    /// (the later ones were carried out all the same, except in an nf_tables transaction).
    pub(super) fn batch(&mut self, messages: Vec<Message>) -> Result<(), (usize, io::Error)> {
        self.transact(messages, libc::NLM_F_ACK as u16)
    }

    /// As [`Socket::batch`], with acknowledgements only for the messages which ask for them, for framing messages that
    /// the kernel does not acknowledge.
    pub(super) fn transact(
        &mut self,
        mut messages: Vec<Message>,
        flags: u16,
    ) -> Result<(), (usize, io::Error)> {
        let first = self.sequence + 1;
        let mut bytes = Vec::new();
        let mut wanted = 0;
        for message in &mut messages {
            self.sequence += 1;
            message.seal(self.sequence, flags);
            let asks = u16::from_ne_bytes([message.bytes[6], message.bytes[7]]) & libc::NLM_F_ACK as u16 != 0;
            wanted += usize::from(asks);
            bytes.extend_from_slice(&message.bytes);
        }
        self.send(&bytes).map_err(|error| (0, error))?;
        // The kernel has worked through all of it when `send` returns, so answers need no waiting; an aborted
        // transaction answers fewer messages than asked.
        let mut failure: Option<(usize, io::Error)> = None;
        while wanted > 0 {
            let replies = match self.receive(libc::MSG_DONTWAIT) {
                Ok(replies) => replies,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err((0, error)),
            };
            for reply in replies {
                if reply.sequence < first || reply.kind != libc::NLMSG_ERROR {
                    continue;
                }
                wanted = wanted.saturating_sub(1);
                if let Some(error) = reply.error() {
                    failure.get_or_insert(((reply.sequence - first) as usize, error));
                }
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if wanted > 0 => Err((0, io::Error::other("the kernel did not answer"))),
            None => Ok(()),
        }
    }

    /// Sends a question and collects every message of the answer.
    pub(super) fn query(&mut self, mut message: Message, dump: bool) -> io::Result<Vec<Reply>> {
        self.sequence += 1;
        let flags = if dump { libc::NLM_F_DUMP } else { 0 };
        message.seal(self.sequence, flags as u16);
        self.send(&message.bytes)?;
        let mut answers = Vec::new();
        loop {
            for reply in self.receive(0)? {
                if reply.sequence != self.sequence {
                    continue;
                }
                match reply.kind {
                    libc::NLMSG_DONE => return Ok(answers),
                    libc::NLMSG_ERROR => {
                        return reply.error().map_or(Ok(answers), Err);
                    }
                    _ => {
                        answers.push(Reply { payload: reply.payload });
                        if !dump {
                            return Ok(answers);
                        }
                    }
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: the pointer and length describe `bytes`; an unconnected netlink socket sends to the kernel.
        let sent = unsafe { libc::send(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn receive(&mut self, flags: i32) -> io::Result<Vec<Received>> {
        // SAFETY: the pointer and length describe the buffer, which nobody else uses meanwhile.
        let read = unsafe {
            libc::recv(self.fd.as_raw_fd(), self.buffer.as_mut_ptr().cast(), self.buffer.len(), flags)
        };
        if read < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut bytes = &self.buffer[..read as usize];
        let mut messages = Vec::new();
        while bytes.len() >= HEADER {
            let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
            let Some(payload) = bytes.get(HEADER..length) else { break };
            let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
            let flags = u16::from_ne_bytes([bytes[6], bytes[7]]);
            let sequence = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            messages.push(Received { sequence, kind: i32::from(kind), flags, payload: payload.to_vec() });
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        Ok(messages)
    }
}

/// A message with its header.
struct Received {
    sequence: u32,
    kind: i32,
    flags: u16,
    payload: Vec<u8>,
}

impl Received {
    /// The error in an acknowledgement, if it is one. The kernel's own words, where it sent some, go to the log.
    fn error(&self) -> Option<io::Error> {
        let code = -i32::from_ne_bytes(self.payload.get(0..4)?.try_into().ok()?);
        if code == 0 {
            return None;
        }
        if self.flags & NLM_F_ACK_TLVS != 0
            && let Some(words) =
                self.payload.get(4 + HEADER..).and_then(|rest| attribute(rest, NLMSGERR_ATTR_MSG))
        {
            tracing::debug!(code, words = text(words), "netlink error");
        }
        Some(io::Error::from_raw_os_error(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_are_read_back() {
        let mut message = Message::new(1, 0).nest(7, |inner| inner.str(1, "abc").u32(2, 9)).u32(8, 1);
        message.seal(5, 0);
        assert_eq!(message.bytes.len() as u32, u32::from_ne_bytes(message.bytes[0..4].try_into().unwrap()));
        let nested = attribute(&message.bytes[HEADER..], 7).unwrap();
        assert_eq!(text(attribute(nested, 1).unwrap()), "abc");
        assert_eq!(attribute(nested, 2).unwrap(), 9u32.to_ne_bytes());
        assert_eq!(attribute(&message.bytes[HEADER..], 8).unwrap(), 1u32.to_ne_bytes());
    }

    #[test]
    fn malformed_attributes_end_the_walk() {
        assert_eq!(attributes(&[3, 0, 1, 0, 9]).count(), 0, "shorter than its own header");
        assert_eq!(attributes(&[200, 0, 1, 0, 9]).count(), 0, "longer than the message");
    }
}
