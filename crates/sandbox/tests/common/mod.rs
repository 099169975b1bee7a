//! A root file system from the machine's static busybox, and short ways to run something in it.
#![allow(dead_code, reason = "each test program uses its part of this")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use kukri_sandbox::spec::Command;
use kukri_sandbox::*;
use oci_spec::runtime::Spec;

/// Where a static busybox usually is.
const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

const APPLETS: &str = "sh true false cat echo id env ls sleep kill ps stat readlink mount grep head mkdir touch test \
                       hostname ip wc tr sort pwd dd";

/// A lower layer with busybox, and a place for uppers.
pub struct Box_ {
    pub dir: tempfile::TempDir,
    next: AtomicU32,
}

/// What came out of a run.
pub struct Output {
    pub exit: Exit,
    pub stdout: String,
    pub stderr: String,
    pub upper: PathBuf,
}

impl Output {
    pub fn upper_entries(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.upper)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The fixture, or `None` with the reason said when it cannot be had here.
pub fn fixture() -> Option<Box_> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return None;
    }
    let Some(busybox) = BUSYBOX.iter().find(|path| Path::new(path).exists()) else {
        eprintln!("skipped: needs a static busybox (apt-get install busybox-static)");
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    let lower = dir.path().join("lower");
    fs::create_dir_all(lower.join("bin")).unwrap();
    fs::copy(busybox, lower.join("bin/busybox")).unwrap();
    for applet in APPLETS.split_whitespace() {
        symlink("busybox", lower.join("bin").join(applet)).unwrap();
    }
    for name in ["proc", "dev", "sys", "etc", "tmp", "root", "home"] {
        fs::create_dir(lower.join(name)).unwrap();
    }
    fs::write(lower.join("etc/hosts"), "").unwrap();
    fs::write(lower.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n")
        .unwrap();
    Some(Box_ { dir, next: AtomicU32::new(0) })
}

impl Box_ {
    pub fn lower(&self) -> PathBuf {
        self.dir.path().join("lower")
    }

    pub fn spec(&self, args: &[&str]) -> Spec {
        default_spec(Command {
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: vec!["PATH=/bin:/usr/bin".to_owned(), "HOME=/root".to_owned()],
            hostname: "boxed".to_owned(),
            ..Command::default()
        })
    }

    /// A request with fresh upper and work directories.
    pub fn request(&self, spec: Spec, stdout: OwnedFd, stderr: OwnedFd) -> (RunRequest, PathBuf) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let run = self.dir.path().join(format!("run-{number}"));
        let (upper, work) = (run.join("upper"), run.join("work"));
        fs::create_dir_all(&upper).unwrap();
        fs::create_dir_all(&work).unwrap();
        let rootfs =
            Rootfs::Overlay { lowers: vec![self.lower()], upper: upper.clone(), work, userxattr: false };
        let request = RunRequest {
            id: format!("test-{}-{number}", std::process::id()),
            spec,
            rootfs,
            files: Vec::new(),
            network: NetworkMode::None,
            loopback: None,
            stdin: Stdin::Null,
            stdout,
            stderr,
            count: false,
            init: true,
        };
        (request, upper)
    }

    /// Runs to the end.
    pub async fn run_with(
        &self,
        runtime: &dyn Runtime,
        spec: Spec,
        change: impl FnOnce(&mut RunRequest),
    ) -> Result<Output, SandboxError> {
        let (out_read, out_write) = std::io::pipe().unwrap();
        let (err_read, err_write) = std::io::pipe().unwrap();
        let (mut request, upper) = self.request(spec, out_write.into(), err_write.into());
        change(&mut request);
        let read = |mut pipe: std::io::PipeReader| {
            tokio::task::spawn_blocking(move || {
                let mut text = String::new();
                pipe.read_to_string(&mut text).map(|_| text)
            })
        };
        let (stdout, stderr) = (read(out_read), read(err_read));
        let mut running = runtime.run(request).await?;
        let exit = running.wait().await?;
        let (stdout, stderr) = (stdout.await.unwrap().unwrap(), stderr.await.unwrap().unwrap());
        Ok(Output { exit, stdout, stderr, upper })
    }

    /// In a network of its own a container finds the port that is opened for it, and nobody else does.
    pub async fn says_to_a_port(&self, runtime: &dyn Runtime, mode: NetworkMode) {
        let (sender, opened) = std::sync::mpsc::channel::<TcpListener>();
        let said = tokio::task::spawn_blocking(move || {
            let listener = opened.recv().unwrap();
            let outside = TcpStream::connect(listener.local_addr().unwrap());
            assert_eq!(outside.is_ok(), mode == NetworkMode::Host);
            listener.set_nonblocking(false).unwrap();
            if outside.is_ok() {
                drop(listener.accept().unwrap());
            }
            std::io::read_to_string(listener.accept().unwrap().0).unwrap()
        });
        let script = "echo \"from $WHO\" | busybox nc 127.0.0.1 $PORT";
        let change = |request: &mut RunRequest| {
            request.network = mode;
            request.loopback = Some(Box::new(move |listener: TcpListener, spec: &mut Spec| {
                let port = listener.local_addr().unwrap().port();
                let env = spec.process_mut().as_mut().unwrap().env_mut().as_mut().unwrap();
                env.extend([format!("PORT={port}"), format!("WHO={mode:?}")]);
                sender.send(listener).unwrap();
            }));
        };
        let output = self.run_with(runtime, self.spec(&["sh", "-c", script]), change).await.unwrap();
        assert_eq!(said.await.unwrap(), format!("from {mode:?}\n"), "{}", output.stderr);
    }

    /// Runs a shell script to the end; it must work.
    pub async fn sh(&self, runtime: &dyn Runtime, script: &str) -> Output {
        self.run_with(runtime, self.spec(&["sh", "-c", script]), |_| ()).await.unwrap()
    }
}

pub fn native() -> NativeRuntime {
    NativeRuntime::new(NativeConfig::default()).unwrap()
}
