//! Gzip on several threads: members of 1 MiB, compressed independently. Any gzip reader takes them as one stream, and
//! the bytes do not depend on how many threads there are.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use libdeflater::{CompressionLvl, Compressor};

const MEMBER: usize = 1 << 20;
/// Where libdeflate is still fast (80 MB/s a core) and close to its best ratio.
const LEVEL: i32 = 3;
const MAX_WORKERS: usize = 8;

type Job = (Vec<u8>, Sender<io::Result<Vec<u8>>>);

/// Compresses what is written to it.
pub(crate) struct ParallelGzip<W> {
    output: W,
    member: Vec<u8>,
    jobs: Sender<Job>,
    /// Members on their way, in order.
    waiting: VecDeque<Receiver<io::Result<Vec<u8>>>>,
    most_waiting: usize,
    empty: bool,
}

impl<W: Write> ParallelGzip<W> {
    pub(crate) fn new(output: W) -> io::Result<Self> {
        let workers = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..workers {
            let queue = Arc::clone(&queue);
            // They end when the sender of jobs is dropped.
            thread::Builder::new().name("gzip".to_owned()).spawn(move || work(&queue))?;
        }
        Ok(Self {
            output,
            member: Vec::with_capacity(MEMBER),
            jobs,
            waiting: VecDeque::new(),
            most_waiting: 2 * workers,
            empty: true,
        })
    }

    fn hand_out(&mut self) -> io::Result<()> {
        let member = std::mem::replace(&mut self.member, Vec::with_capacity(MEMBER));
        let (done, result) = channel();
        self.jobs.send((member, done)).map_err(|_| gone())?;
        self.waiting.push_back(result);
        self.empty = false;
        while self.waiting.len() > self.most_waiting {
            self.take_one()?;
        }
        Ok(())
    }

    fn take_one(&mut self) -> io::Result<()> {
        match self.waiting.pop_front() {
            Some(result) => self.output.write_all(&result.recv().map_err(|_| gone())??),
            None => Ok(()),
        }
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        if !self.member.is_empty() || self.empty {
            self.hand_out()?;
        }
        while !self.waiting.is_empty() {
            self.take_one()?;
        }
        Ok(self.output)
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(MEMBER - self.member.len());
        self.member.extend_from_slice(&bytes[..count]);
        if self.member.len() == MEMBER {
            self.hand_out()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gone() -> io::Error {
    io::Error::other("a compression thread ended")
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let level = CompressionLvl::new(LEVEL).unwrap_or_default();
    let mut compressor = Compressor::new(level);
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((member, done)) = job else { return };
        let mut out = vec![0; compressor.gzip_compress_bound(member.len())];
        let result = compressor.gzip_compress(&member, &mut out).map(|length| {
            out.truncate(length);
            out
        });
        // Nobody waits any more if the writer was dropped.
        let _ = done.send(result.map_err(|error| io::Error::other(error.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = ParallelGzip::new(Vec::new()).unwrap();
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn any_length_comes_back() {
        let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(|number| (number / 3).to_le_bytes()).collect();
        for length in [0, 1, MEMBER - 1, MEMBER, MEMBER + 1, bytes.len()] {
            let gzip = compressed(&bytes[..length]);
            assert_eq!(gzip, compressed(&bytes[..length]), "deterministic");
            let mut plain = Vec::new();
            flate2::read::MultiGzDecoder::new(&gzip[..]).read_to_end(&mut plain).unwrap();
            assert!(plain == bytes[..length], "{length}");
        }
    }
}
