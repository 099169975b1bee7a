//! Follows what a command writes: to the store, to those who watch, and its end for errors.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use kukri_store::{BlobWriter, Store};
use kukri_telemetry::{Event, Stream};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::scrub::Scrubber;
use super::shown::Shown;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::progress::now;
use crate::vertex::BlobRef;

/// How much of the end of a stream an error shows, in bytes.
const WINDOW: usize = 100 << 10;

/// The pipes between a command and the engine.
pub struct Streams {
    /// Read end.
    pub stdout: pipe::Receiver,
    /// Read end.
    pub stderr: pipe::Receiver,
    /// Given to the command.
    pub stdout_writer: OwnedFd,
    /// Given to the command.
    pub stderr_writer: OwnedFd,
}

impl Streams {
    /// Two new pipes.
    pub fn new() -> io::Result<Self> {
        let (stdout, stdout_writer) = new_pipe()?;
        let (stderr, stderr_writer) = new_pipe()?;
        Ok(Self { stdout, stderr, stdout_writer, stderr_writer })
    }
}

fn new_pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&read, true)?;
    Ok((pipe::Receiver::from_owned_fd(read)?, write))
}

/// The end of a stream, and how long it was.
#[derive(Default)]
pub struct Tail {
    bytes: Vec<u8>,
    total: u64,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * WINDOW {
            self.bytes.drain(..self.bytes.len() - WINDOW);
        }
    }

    /// The last 100 KiB, trimmed. Where something is left out, the start says how much.
    pub fn window(&self) -> String {
        let kept = &self.bytes[self.bytes.len().saturating_sub(WINDOW)..];
        let mut window = kept.to_vec();
        if self.total >= WINDOW as u64 {
            let notice = format!("[omitting {} bytes]...", self.total - WINDOW as u64);
            window[..notice.len()].copy_from_slice(notice.as_bytes());
        }
        String::from_utf8_lossy(&window).trim().to_owned()
    }
}

/// All that a command wrote.
pub struct Captured {
    /// End of standard output.
    pub stdout: Tail,
    /// End of standard error.
    pub stderr: Tail,
    writers: [Keep; 3],
}

impl Captured {
    /// Keeps the streams: standard output, standard error, both.
    pub fn keep(self, store: &Store) -> Result<[BlobRef; 3], OpError> {
        let [stdout, stderr, combined] = self.writers;
        Ok([stdout.finish(store)?, stderr.finish(store)?, combined.finish(store)?])
    }
}

/// A stream on its way into the store: in memory as long as it is short.
enum Keep {
    Short(Vec<u8>),
    Long(Box<BlobWriter>),
}

/// Longest stream kept in memory, in bytes.
const SHORT: usize = 64 << 10;

impl Keep {
    fn push(&mut self, store: &Store, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Short(kept) if kept.len() + bytes.len() <= SHORT => kept.extend_from_slice(bytes),
            Self::Short(kept) => {
                let mut writer = store.blob_writer();
                writer.write_all(kept)?;
                writer.write_all(bytes)?;
                *self = Self::Long(Box::new(writer));
            }
            Self::Long(writer) => writer.write_all(bytes)?,
        }
        Ok(())
    }

    fn finish(self, store: &Store) -> Result<BlobRef, OpError> {
        let (digest, size) = match self {
            Self::Short(bytes) => (store.put_blob(&bytes).or_fail()?, bytes.len() as u64),
            Self::Long(writer) => writer.finish().or_fail()?,
        };
        Ok(BlobRef { digest, size })
    }
}

/// Follows both streams to their ends.
pub async fn follow(
    mut stdout: pipe::Receiver,
    mut stderr: pipe::Receiver,
    secrets: Vec<Arc<[u8]>>,
    engine: &Engine,
    vertex: u64,
) -> io::Result<Captured> {
    let mut captured = Captured {
        stdout: Tail::default(),
        stderr: Tail::default(),
        writers: [const { Keep::Short(Vec::new()) }; 3],
    };
    let mut channels = [Channel::new(Stream::Stdout, &secrets)?, Channel::new(Stream::Stderr, &secrets)?];
    let mut buffers = [vec![0; 64 << 10], vec![0; 64 << 10]];
    let mut open = [true, true];
    let mut prefer = 0;
    while open[0] || open[1] {
        let (index, count) = next([&mut stdout, &mut stderr], &mut buffers, open, prefer).await?;
        prefer = 1 - index;
        let clean = if count == 0 {
            open[index] = false;
            channels[index].scrubber.finish()
        } else {
            channels[index].scrubber.push(&buffers[index][..count])
        };
        channels[index].deliver(&clean, !open[index], engine, vertex, &mut captured)?;
    }
    Ok(captured)
}

/// Reads from the stream that has something; gives which, and how much. Two pipes do not tell which of them was written
/// first, so where both have something `prefer` says which goes first: the same run gives the same `combinedOutput` as
/// far as that is possible, and a message about what was printed comes after that. Whoever calls prefers the one that was
/// not read last, so that none has to wait for the other's end.
async fn next(
    [stdout, stderr]: [&mut pipe::Receiver; 2],
    [first, second]: &mut [Vec<u8>; 2],
    open: [bool; 2],
    prefer: usize,
) -> io::Result<(usize, usize)> {
    Ok(if prefer == 0 {
        tokio::select! {
            biased;
            count = stdout.read(first), if open[0] => (0, count?),
            count = stderr.read(second), if open[1] => (1, count?),
        }
    } else {
        tokio::select! {
            biased;
            count = stderr.read(second), if open[1] => (1, count?),
            count = stdout.read(first), if open[0] => (0, count?),
        }
    })
}

/// One stream on its way.
struct Channel {
    stream: Stream,
    scrubber: Scrubber,
    shown: Shown,
}

impl Channel {
    fn new(stream: Stream, secrets: &[Arc<[u8]>]) -> io::Result<Self> {
        let scrubber = Scrubber::new(secrets).map_err(io::Error::other)?;
        Ok(Self { stream, scrubber, shown: Shown::new(secrets)? })
    }

    fn deliver(
        &mut self,
        bytes: &[u8],
        end: bool,
        engine: &Engine,
        vertex: u64,
        captured: &mut Captured,
    ) -> io::Result<()> {
        if !bytes.is_empty() {
            let (tail, index) = match self.stream {
                Stream::Stdout => (&mut captured.stdout, 0),
                _ => (&mut captured.stderr, 1),
            };
            tail.push(bytes);
            captured.writers[index].push(engine.store(), bytes)?;
            captured.writers[2].push(engine.store(), bytes)?;
        }
        let text = self.shown.push(bytes, end);
        if !text.is_empty() {
            let event = Event::SpanLog { id: vertex, stream: self.stream, text, time_ns: now() };
            engine.watchers().tell(vertex, &event);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_both_streams_have_something_they_take_turns() {
        for _ in 0..20 {
            let mut streams = Streams::new().unwrap();
            rustix::io::write(&streams.stderr_writer, b"error").unwrap();
            rustix::io::write(&streams.stdout_writer, b"output").unwrap();
            let mut buffers = [vec![0; 3], vec![0; 3]];
            let (mut order, mut prefer) = (Vec::new(), 0);
            for _ in 0..4 {
                // Let the runtime see all that is there.
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                let both = [&mut streams.stdout, &mut streams.stderr];
                let (index, _) = next(both, &mut buffers, [true; 2], prefer).await.unwrap();
                order.push(index);
                prefer = 1 - index;
            }
            assert_eq!(order, [0, 1, 0, 1]);
        }
    }

    fn window(total: usize) -> String {
        let mut tail = Tail::default();
        let mut rest = total;
        while rest > 0 {
            let piece = rest.min(7000);
            tail.push(&vec![b'x'; piece]);
            rest -= piece;
        }
        tail.window()
    }

    #[test]
    fn the_window_says_what_it_leaves_out() {
        assert_eq!(window(10), "x".repeat(10));
        assert_eq!(window(WINDOW - 1).len(), WINDOW - 1);
        assert!(window(WINDOW).starts_with("[omitting 0 bytes]...x"));
        assert!(window(WINDOW + 123_456).starts_with("[omitting 123456 bytes]...x"));
        assert_eq!(window(WINDOW * 5).len(), WINDOW);
    }
}
