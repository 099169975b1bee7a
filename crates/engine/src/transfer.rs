//! How transfers go on, as events.
//!
//! Where bytes go by, they are only counted; ten times a second somebody looks at the counters. So it costs the same
//! however quick a transfer is.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use kukri_telemetry::Event;

use crate::progress::now;

/// Time between two events of one transfer.
const EVERY: Duration = Duration::from_millis(100);

/// What is done with the bytes that are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Work {
    /// They come from somewhere else, or go there.
    #[default]
    Transfer,
    /// They are made to layers, on the engine's disk.
    Pack,
    /// They are put into an archive, on the engine's disk.
    Archive,
}

impl Work {
    /// What it is called where it is no transfer.
    const fn phase(self) -> &'static str {
        match self {
            Self::Transfer => "",
            Self::Pack => "pack",
            Self::Archive => "archive",
        }
    }

    const fn of(number: u8) -> Self {
        match number {
            1 => Self::Pack,
            2 => Self::Archive,
            _ => Self::Transfer,
        }
    }
}

/// The counters of one transfer.
#[derive(Debug, Default)]
pub struct Meter {
    done: AtomicU64,
    total: AtomicU64,
    is_total_known: AtomicBool,
    present: AtomicU64,
    files: AtomicU64,
    work: AtomicU8,
}

/// What the counters say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reading {
    done: u64,
    total: Option<u64>,
    present: u64,
    files: u64,
    work: Work,
}

impl Meter {
    /// `bytes` more are done.
    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes that counted as done have to be moved once more.
    pub fn take_back(&self, bytes: u64) {
        self.done.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// So many bytes are to be done, in all.
    pub fn set_total(&self, bytes: u64) {
        self.total.store(bytes, Ordering::Relaxed);
        self.is_total_known.store(true, Ordering::Relaxed);
    }

    /// So many of the bytes need not be moved.
    pub fn add_present(&self, bytes: u64) {
        self.present.fetch_add(bytes, Ordering::Relaxed);
        self.add(bytes);
    }

    /// It is so many files.
    pub fn set_files(&self, count: u64) {
        self.files.store(count, Ordering::Relaxed);
    }

    /// `count` more files are known.
    pub fn add_files(&self, count: u64) {
        self.files.fetch_add(count, Ordering::Relaxed);
    }

    /// What is counted from now on, from nothing, is this.
    pub fn start(&self, work: Work) {
        self.work.store(work as u8, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
    }

    fn read(&self) -> Reading {
        let total = self.is_total_known.load(Ordering::Relaxed).then(|| self.total.load(Ordering::Relaxed));
        let done = self.done.load(Ordering::Relaxed);
        Reading {
            // Headers may come on top of what was announced.
            done: total.map_or(done, |total| done.min(total)),
            total,
            present: self.present.load(Ordering::Relaxed),
            files: self.files.load(Ordering::Relaxed),
            work: Work::of(self.work.load(Ordering::Relaxed)),
        }
    }

    /// Waits for work on whose way bytes are counted, and tells how far a span has got by it.
    pub async fn watch<T>(&self, span: u64, tell: impl Fn(&Event), work: impl Future<Output = T>) -> T {
        let mut watch = Watch { meter: self, span, tell, told: Reading::default() };
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                () = tokio::time::sleep(EVERY) => watch.look(),
            }
        }
    }
}

struct Watch<'a, F: Fn(&Event)> {
    meter: &'a Meter,
    span: u64,
    tell: F,
    told: Reading,
}

impl<F: Fn(&Event)> Watch<'_, F> {
    fn look(&mut self) {
        let reading = self.meter.read();
        if reading == self.told {
            return;
        }
        self.told = reading;
        (self.tell)(&Event::SpanProgress {
            id: self.span,
            current: reading.done,
            total: reading.total,
            unit: "bytes".to_owned(),
            extracted: None,
            present: reading.present,
            files: (reading.files > 0).then_some(reading.files),
            phase: reading.work.phase().to_owned(),
            time_ns: now(),
        });
    }
}

/// What has not been told is told before the span ends, also where the work is given up, so that sums are right.
impl<F: Fn(&Event)> Drop for Watch<'_, F> {
    fn drop(&mut self) {
        self.look();
    }
}

/// Counts what is read from it, or written to it.
pub struct Metered<T> {
    inner: T,
    meter: Arc<Meter>,
}

impl<T> Metered<T> {
    /// Counts what goes by.
    pub fn new(inner: T, meter: &Arc<Meter>) -> Self {
        Self { inner, meter: Arc::clone(meter) }
    }

    /// What is read or written without being counted.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: Read> Read for Metered<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.meter.add(count as u64);
        Ok(count)
    }
}

impl<T: Write> Write for Metered<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.meter.add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    type Told = (u64, Option<u64>, u64, Option<u64>, String);

    fn told(events: &Mutex<Vec<Event>>) -> Vec<Told> {
        let told = events.lock().unwrap().clone();
        told.into_iter()
            .map(|event| match event {
                Event::SpanProgress { current, total, present, files, phase, .. } => {
                    (current, total, present, files, phase)
                }
                event => panic!("{event:?}"),
            })
            .collect()
    }

    /// However often something is counted: an event each tenth of a second, and one at the end.
    #[tokio::test]
    async fn it_is_told_now_and_then_and_at_the_end() {
        let (meter, events) = (Arc::new(Meter::default()), Mutex::<Vec<Event>>::default());
        meter.start(Work::Pack);
        let work = async {
            let mut out = Metered::new(Vec::new(), &meter);
            for _ in 0..100 {
                out.write_all(&[0; 10]).unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // Nothing goes by, and nothing is told.
            tokio::time::sleep(EVERY * 3).await;
            meter.start(Work::Transfer);
            meter.set_total(2_000);
            meter.add_present(500);
            meter.add(1_510);
            io::copy(&mut Metered::new(&[0; 40][..], &meter), &mut io::sink()).unwrap();
            meter.take_back(50);
            meter.add_files(3);
            7
        };
        let result = meter.watch(1, |event| events.lock().unwrap().push(event.clone()), work).await;
        assert_eq!(result, 7);
        let told = told(&events);
        assert!((2..=6).contains(&told.len()), "{told:?}");
        assert_eq!(told[told.len() - 2], (1_000, None, 0, None, "pack".to_owned()));
        assert_eq!(told[told.len() - 1], (2_000, Some(2_000), 500, Some(3), String::new()));
    }

    #[tokio::test]
    async fn what_moves_nothing_tells_nothing() {
        let (meter, events) = (Meter::default(), Mutex::<Vec<Event>>::default());
        meter.watch(1, |event: &Event| events.lock().unwrap().push(event.clone()), async {}).await;
        assert_eq!(told(&events), []);
    }
}
