//! What a program writes to the terminal on which a picture of progress is drawn: it comes through here, so that the picture
//! is not drawn over it.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use tokio::sync::mpsc;

/// Pieces that wait to be shown.
const PIECES: usize = 16;
/// How long the last pieces may take when the program has ended. What it left behind may write for ever.
const REST: Duration = Duration::from_millis(100);

/// A terminal of the program's own, whose output is shown on the real one.
pub struct SharedTerminal {
    main: OwnedFd,
    pieces: mpsc::Receiver<Vec<u8>>,
}

impl SharedTerminal {
    /// Gives the program a terminal in the place of standard output and standard error, as far as they are the terminal on
    /// which the picture is; none if neither is.
    pub fn for_output(command: &mut tokio::process::Command) -> io::Result<Option<Self>> {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        if !stderr.is_terminal() {
            return Ok(None);
        }
        let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&main)?;
        unlockpt(&main)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let other = rustix::fs::open(ptsname(&main, Vec::new())?, flags, Mode::empty())?;
        // The real terminal does what there is to do with line ends.
        let mut modes = tcgetattr(&other)?;
        modes.output_modes.remove(OutputModes::OPOST);
        tcsetattr(&other, OptionalActions::Now, &modes)?;
        command.stderr(Stdio::from(other.try_clone()?));
        if stdout.is_terminal() && device(&stdout)? == device(&stderr)? {
            command.stdout(Stdio::from(other));
        }
        let mut reader = File::from(main.try_clone()?);
        let (sender, pieces) = mpsc::channel(PIECES);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            // It fails when nobody has the other end any more.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let terminal = Self { main, pieces };
        terminal.fit();
        Ok(Some(terminal))
    }

    /// Has the size of the real one from now on.
    pub fn fit(&self) {
        if let Ok(size) = tcgetwinsize(io::stderr()) {
            let _ = tcsetwinsize(&self.main, size);
        }
    }

    /// What the program writes next. Never returns once nothing can come any more.
    pub async fn next(&mut self) -> Vec<u8> {
        match self.pieces.recv().await {
            Some(piece) => piece,
            None => std::future::pending().await,
        }
    }

    /// What is still to come after the program's end.
    pub async fn rest(&mut self) -> Option<Vec<u8>> {
        tokio::time::timeout(REST, self.pieces.recv()).await.ok().flatten()
    }
}

fn device(file: impl AsFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(file)?.st_rdev)
}
