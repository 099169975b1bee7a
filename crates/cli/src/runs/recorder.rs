//! Writes down a run while it happens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use kukri_telemetry::trace::{Fate, Written};
use kukri_telemetry::{Event, Run};

use super::{ENDING, Gap, Head, LeftOut, directory, paths};

/// Most bytes of a run's file that are logs. Where there are more, the file is written anew with half of that.
const MOST_BYTES: u64 = 64 << 20;

/// Ending of a file that is written anew, until it takes the place of the other.
const NEW: &str = "new";

/// Writes down a run while it happens. Never makes it fail: where nothing can be written, nothing is kept.
pub struct Recorder {
    run: Run,
    keep: usize,
    most_bytes: u64,
    state: State,
}

enum State {
    /// No step yet: sessions that do nothing leave nothing.
    Waiting,
    Writing(Box<Record>),
    Off,
}

/// The file of a run.
struct Record {
    path: PathBuf,
    file: BufWriter<File>,
    written: Written,
}

impl Recorder {
    /// Keeps the latest `keep` runs; 0: none.
    pub const fn new(run: Run, keep: usize) -> Self {
        let state = if keep == 0 { State::Off } else { State::Waiting };
        Self { run, keep, most_bytes: MOST_BYTES, state }
    }

    /// Whether events are wanted.
    pub const fn is_on(&self) -> bool {
        !matches!(self.state, State::Off)
    }

    /// One event, as it came and as it was understood.
    pub fn event(&mut self, bytes: &[u8], event: &Event) {
        if matches!(self.state, State::Waiting) && matches!(event, Event::SpanStarted { .. }) {
            let record = directory().and_then(|directory| Record::begin(&directory, &self.run).ok());
            self.state = record.map_or(State::Off, |record| State::Writing(Box::new(record)));
        }
        let State::Writing(record) = &mut self.state else { return };
        let mut done = record.write(bytes, event);
        if record.written.bytes() > self.most_bytes {
            done = done.and_then(|()| record.shorten(self.most_bytes / 2));
        }
        if done.is_err() {
            self.state = State::Off;
        }
    }

    /// Some time has passed: what has come since the last one gets into the file, for whoever looks at the run while it goes on,
    /// or after a `kill -9`. Not with each event: there may be thousands in a second.
    pub fn tick(&mut self) {
        if let State::Writing(record) = &mut self.state
            && record.file.flush().is_err()
        {
            self.state = State::Off;
        }
    }

    /// The end: everything is written, and runs before the latest few are removed.
    pub fn finish(&mut self) {
        if let State::Writing(mut record) = std::mem::replace(&mut self.state, State::Off) {
            let _ = record.file.flush();
            for path in paths().unwrap_or_default().into_iter().skip(self.keep) {
                let _ = fs::remove_file(path.with_extension(NEW));
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl Record {
    fn begin(directory: &Path, run: &Run) -> io::Result<Self> {
        // Only for this user: commands may be told apart by what they write.
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let path = directory.join(format!("{}.{ENDING}", run.id));
        let mut file = create(&path)?;
        serde_json::to_writer(&mut file, &Head { run: run.clone() })?;
        file.write_all(b"\n")?;
        // Without it the file would be no run to those who look now.
        file.flush()?;
        Ok(Self { path, file, written: Written::default() })
    }

    fn write(&mut self, bytes: &[u8], event: &Event) -> io::Result<()> {
        self.written.add(event, bytes.len() as u64 + 1);
        self.file.write_all(bytes)?;
        self.file.write_all(b"\n")
    }

    /// Leaves `room` bytes of the logs. Whoever reads the file meanwhile, or after a `kill -9`, has the one or the other.
    fn shorten(&mut self, room: u64) -> io::Result<()> {
        self.file.flush()?;
        let path = self.path.with_extension(NEW);
        let mut new = Self { path: self.path.clone(), file: create(&path)?, written: Written::default() };
        let done = self.copy(&mut new, room).and_then(|()| fs::rename(&path, &self.path));
        if let Err(error) = done {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        *self = new;
        Ok(())
    }

    fn copy(&self, new: &mut Self, room: u64) -> io::Result<()> {
        let mut cut = self.written.cut(room);
        for line in BufReader::new(File::open(&self.path)?).split(b'\n') {
            let line = line?;
            let Ok(event) = serde_json::from_slice::<Event>(&line) else {
                // A newer event, or one that was never understood.
                new.file.write_all(&line)?;
                new.file.write_all(b"\n")?;
                continue;
            };
            match cut.pass(&event, line.len() as u64 + 1) {
                Fate::Stays => new.write(&line, &event)?,
                Fate::Becomes(event) => new.write(&serde_json::to_vec(&event)?, &event)?,
                Fate::Goes => {}
            }
        }
        for (id, lines) in cut.left_out() {
            serde_json::to_writer(&mut new.file, &Gap { left_out: LeftOut { id, lines } })?;
            new.file.write_all(b"\n")?;
        }
        new.file.flush()
    }
}

/// A new file that only its user may read.
fn create(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?))
}

#[cfg(test)]
mod tests {
    use kukri_telemetry::{SpanKind, SpanOutcome, Stream};

    use super::*;

    /// It can be read at any time, and is not written to with each event.
    #[test]
    fn a_run_that_goes_on_is_in_its_file() {
        let directory = std::env::temp_dir().join(format!("kukri-recorder-open-{}", std::process::id()));
        let run = Run { id: "run".to_owned(), ..Run::default() };
        let record = Record::begin(&directory, &run).unwrap();
        let path = record.path.clone();
        let mut recorder = Recorder::new(run, 1);
        recorder.state = State::Writing(Box::new(record));
        assert_eq!(super::super::read(&path, true).unwrap().run.id, "run");
        let size = || fs::metadata(&path).unwrap().len();
        let head = size();
        let begin = Event::SpanStarted {
            id: 1,
            parent: None,
            label: "step".to_owned(),
            kind: SpanKind::Exec,
            inputs: Vec::new(),
            time_ns: 0,
            trace: None,
        };
        let log = Event::SpanLog { id: 1, stream: Stream::Stdout, text: "one\nsaid".to_owned(), time_ns: 5 };
        [begin, log].iter().for_each(|event| recorder.event(&serde_json::to_vec(event).unwrap(), event));
        assert_eq!(size(), head);
        recorder.tick();
        let read = |logs| super::super::read(&path, logs).unwrap();
        let log = read(true).steps.remove(0).log;
        // The last line may have no end yet, or never get one.
        assert_eq!(
            log.iter().map(|(_, time, line)| (*time, line.as_str())).collect::<Vec<_>>(),
            [(5, "one"), (5, "said")]
        );
        assert_eq!([read(true).elapsed_ns(), read(false).elapsed_ns()], [5, 5]);
        fs::remove_dir_all(&directory).unwrap();
    }

    /// Whatever one step writes, the last lines of the others are in the file, and it stays small.
    #[test]
    fn a_flood_leaves_the_logs_of_others() {
        let directory = std::env::temp_dir().join(format!("kukri-recorder-{}", std::process::id()));
        let run = Run { id: "run".to_owned(), ..Run::default() };
        let record = Record::begin(&directory, &run).unwrap();
        let path = record.path.clone();
        let mut recorder = Recorder { most_bytes: 100_000, ..Recorder::new(run, 1) };
        recorder.state = State::Writing(Box::new(record));
        let mut tell = |event: Event| recorder.event(&serde_json::to_vec(&event).unwrap(), &event);
        let begin = |id, label: &str| Event::SpanStarted {
            id,
            parent: None,
            label: label.to_owned(),
            kind: SpanKind::Exec,
            inputs: Vec::new(),
            time_ns: 0,
            trace: None,
        };
        let log = |id, stream, text: String| Event::SpanLog { id, stream, text, time_ns: 0 };
        let end = |id, outcome| Event::SpanFinished { id, outcome, time_ns: 0 };
        tell(begin(1, "before"));
        tell(log(1, Stream::Stdout, "before\n".to_owned()));
        tell(end(1, SpanOutcome::Ok));
        tell(begin(2, "flood"));
        // Chunks end within lines.
        (0..4_000).for_each(|n| tell(log(2, Stream::Stdout, format!("of {n}\n{} ", "x".repeat(90)))));
        tell(end(2, SpanOutcome::Ok));
        tell(begin(3, "fails"));
        tell(log(3, Stream::Stderr, "the reason".to_owned()));
        tell(end(3, SpanOutcome::Failed { message: "exit code: 7".to_owned(), exit_code: Some(7) }));
        let State::Writing(record) = &mut recorder.state else { panic!("it was given up") };
        record.file.flush().unwrap();
        let (size, trace) = (fs::metadata(&path).unwrap().len(), super::super::read(&path, true).unwrap());
        let files = fs::read_dir(&directory).unwrap().count();
        fs::remove_dir_all(&directory).unwrap();
        assert!((50_000..110_000).contains(&size), "{size}");
        assert_eq!(files, 1);
        let [before, flood, failed] = trace.steps.try_into().unwrap();
        assert_eq!((before.log[0].2.as_str(), before.left_out), ("before", None));
        assert_eq!((failed.log[0].2.as_str(), failed.exit_code), ("the reason", Some(7)));
        assert!(flood.log.len() > 200);
        assert_eq!(flood.log.len() as u64 + flood.left_out.unwrap(), 4_001);
        let [(_, _, last), (_, _, rest)] = flood.log.last_chunk().unwrap();
        assert!(last.ends_with("x of 3999") && rest.starts_with("xx"), "{last} {rest}");
        assert!(
            flood.log.iter().all(|(_, _, line)| line.starts_with('x')),
            "whole lines: {:?}",
            flood.log[0]
        );
    }
}
