//! How long `true` takes in a container: the floor under every step.
//!
//! `cargo run --release --example floor -- [RUNS]` as root, with a static busybox installed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kukri_sandbox::spec::Command;
use kukri_sandbox::{
    NativeConfig, NativeRuntime, NetworkMode, Rootfs, RunRequest, Runtime, Stdin, default_spec,
};

const LAYERS: usize = 10;

fn main() {
    let runs = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(200);
    let dir = std::env::temp_dir().join(format!("kukri-floor-{}", std::process::id()));
    let layers = layers(&dir);
    let runtime = Arc::new(NativeRuntime::new(NativeConfig::default()).expect("containers work here"));
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("tokio starts");

    println!("{LAYERS} layers, {runs} runs of `true`: min / median / max");
    for (name, init, network) in [
        ("isolated network, init", true, NetworkMode::None),
        ("isolated network, no init", false, NetworkMode::None),
        ("host network, init", true, NetworkMode::Host),
    ] {
        let mut times: Vec<Duration> = (0..runs)
            .map(|_| {
                let request = request(&dir, &layers, init, network);
                tokio.block_on(async {
                    let begin = Instant::now();
                    let mut running = runtime.run(request).await.expect("it starts");
                    let exit = running.wait().await.expect("it ends");
                    assert!(exit.status.success());
                    begin.elapsed()
                })
            })
            .skip(10)
            .collect();
        times.sort();
        let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        println!("{name:28} {min:>10.2?} {median:>10.2?} {max:>10.2?}");
    }

    for parallel in [1, 2, 4, 8] {
        let begin = Instant::now();
        tokio.block_on(async {
            let mut lanes = tokio::task::JoinSet::new();
            for _ in 0..parallel {
                let requests: Vec<_> =
                    (0..runs / parallel).map(|_| request(&dir, &layers, true, NetworkMode::None)).collect();
                let runtime = Arc::clone(&runtime);
                lanes.spawn(async move {
                    for request in requests {
                        let mut running = runtime.run(request).await.expect("it starts");
                        running.wait().await.expect("it ends");
                    }
                });
            }
            lanes.join_all().await;
        });
        let rate = (runs / parallel * parallel) as f64 / begin.elapsed().as_secs_f64();
        println!("{parallel} in parallel (with making the requests): {rate:.0} runs/s");
    }
    let _ = fs::remove_dir_all(dir);
}

fn layers(dir: &Path) -> Vec<PathBuf> {
    let base = dir.join("base");
    fs::create_dir_all(base.join("bin")).expect("a directory");
    fs::copy("/bin/busybox", base.join("bin/busybox")).expect("a static busybox in /bin");
    std::os::unix::fs::symlink("busybox", base.join("bin/true")).expect("a link");
    for name in ["proc", "dev", "sys"] {
        fs::create_dir(base.join(name)).expect("a directory");
    }
    let mut layers: Vec<PathBuf> = (1..LAYERS).map(|index| dir.join(format!("layer-{index}"))).collect();
    layers.iter().for_each(|layer| fs::create_dir(layer).expect("a directory"));
    layers.push(base);
    layers
}

fn request(dir: &Path, lowers: &[PathBuf], init: bool, network: NetworkMode) -> RunRequest {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let (upper, work) = (dir.join(format!("upper-{number}")), dir.join(format!("work-{number}")));
    fs::create_dir(&upper).expect("a directory");
    fs::create_dir(&work).expect("a directory");
    let null = || OwnedFd::from(fs::File::create("/dev/null").expect("/dev/null"));
    RunRequest {
        id: format!("floor-{number}"),
        spec: default_spec(Command {
            args: vec!["true".to_owned()],
            env: vec!["PATH=/bin".to_owned()],
            hostname: "floor".to_owned(),
            ..Command::default()
        }),
        rootfs: Rootfs::Overlay {
            lowers: lowers.to_vec(),
            upper,
            work,
            userxattr: kukri_sandbox::userns::inside(),
        },
        files: Vec::new(),
        network,
        loopback: None,
        stdin: Stdin::Null,
        stdout: null(),
        stderr: null(),
        count: false,
        init,
    }
}
