//! What every runtime must do alike: the native executor, crun and runc.
//!
//! Each check is a function over `&dyn Runtime`; the table at the end runs it on each. What a runtime cannot do on this
//! machine is skipped, and the reason is printed.

#![expect(clippy::print_stderr, reason = "tells the reader of the test's output what was skipped")]

mod common;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Box_, fixture};
use kukri_sandbox::cgroup::ControlGroups;
use kukri_sandbox::network::{Pool, PoolConfig, Subnet};
use kukri_sandbox::oci_runtime::{OciRuntime, OciRuntimeConfig};
use kukri_sandbox::*;
use oci_spec::runtime::{LinuxPidsBuilder, LinuxResources, Mount};

type Check<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

struct Bench {
    boxed: Box_,
    networks: Option<Arc<dyn Networks>>,
    cgroups: ControlGroups,
}

impl Bench {
    fn runtime(&self, name: &str) -> Result<Box<dyn Runtime>, SandboxError> {
        self.runtime_in(name, self.boxed.dir.path())
    }

    fn runtime_in(&self, name: &str, dir: &std::path::Path) -> Result<Box<dyn Runtime>, SandboxError> {
        let cgroups: Option<Arc<dyn Cgroups>> = Some(Arc::new(self.cgroups.clone()));
        let runtime: Box<dyn Runtime> = if name == "native" {
            let config = NativeConfig { networks: self.networks.clone(), cgroups, ..NativeConfig::default() };
            Box::new(NativeRuntime::new(config)?)
        } else {
            Box::new(OciRuntime::new(OciRuntimeConfig {
                program: PathBuf::from(name),
                state_dir: dir.join("oci"),
                networks: self.networks.clone(),
                cgroups,
            })?)
        };
        runtime.check()?;
        Ok(runtime)
    }
}

/// Runs a check on one runtime, on a machine of its own as far as networks go.
fn on(name: &str, network: bool, check: for<'a> fn(&'a Bench, &'a dyn Runtime) -> Check<'a>) {
    let Some(boxed) = fixture() else { return };
    let run = || {
        let networks = network.then(|| -> Arc<dyn Networks> {
            // A subnet of its own, so that tests which run at once on one machine do not wait for each other's.
            let subnet: Subnet = "10.91.0.0/24".parse().unwrap();
            Arc::new(Pool::start(PoolConfig { size: 2, subnet, ..PoolConfig::default() }).unwrap())
        });
        let bench = Bench { boxed, networks, cgroups: ControlGroups::detect() };
        let runtime = match bench.runtime(name) {
            Ok(runtime) => runtime,
            Err(reason) => return eprintln!("skipped on {name}: {reason}"),
        };
        let tokio =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        tokio.block_on(async {
            tokio::time::timeout(Duration::from_secs(60), check(&bench, runtime.as_ref()))
                .await
                .expect("ends in time");
        });
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap());
}

/// One test for each runtime.
macro_rules! on_each {
    ($($name:ident, network: $network:expr;)*) => {$(
        mod $name {
            fn check<'a>(bench: &'a super::Bench, runtime: &'a dyn kukri_sandbox::Runtime) -> super::Check<'a> {
                Box::pin(super::checks::$name(bench, runtime))
            }
            #[test]
            fn privileged_native() {
                super::on("native", $network, check);
            }
            #[test]
            fn privileged_crun() {
                super::on("crun", $network, check);
            }
            #[test]
            fn privileged_runc() {
                super::on("runc", $network, check);
            }
        }
    )*};
}

on_each! {
    output_and_exit_codes, network: false;
    a_command_that_is_not_there, network: false;
    a_command_that_cannot_be_executed, network: false;
    a_command_that_is_too_long, network: false;
    standard_input, network: false;
    what_is_written_lands_in_the_upper_directory, network: false;
    files_are_injected_and_leave_no_trace, network: false;
    places_for_mounts_are_told, network: false;
    user_and_working_directory, network: false;
    the_container_is_isolated, network: false;
    new_privileges_are_a_choice, network: false;
    killing_ends_the_whole_tree, network: false;
    dropping_kills, network: false;
    signals_reach_the_command, network: false;
    a_fork_bomb_ends, network: false;
    many_at_once, network: false;
    the_bridge_is_there, network: true;
    a_port_is_opened_on_loopback, network: true;
    no_init, network: false;
    all_capabilities_that_there_are, network: false;
    a_terminal_is_the_controlling_one, network: false;
    a_killed_engine_takes_its_containers_along, network: false;
    a_missing_layer_is_an_error, network: false;
}

mod checks {
    use super::*;

    pub async fn output_and_exit_codes(bench: &Bench, runtime: &dyn Runtime) {
        let boxed = &bench.boxed;
        let output = boxed.sh(runtime, "echo out; echo err >&2").await;
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
        for code in [0, 1, 7, 126, 137, 255] {
            let output = boxed.sh(runtime, &format!("exit {code}")).await;
            assert_eq!(output.exit.status, ExitStatus::Code(code));
        }
        for signal in [9, 15] {
            let output = boxed.sh(runtime, &format!("kill -{signal} $$")).await;
            assert_eq!(output.exit.status, ExitStatus::Signal(signal));
        }
        assert!(output.exit.usage.wall > Duration::ZERO);
    }

    pub async fn a_command_that_is_not_there(bench: &Bench, runtime: &dyn Runtime) {
        for init in [true, false] {
            let spec = bench.boxed.spec(&["no-such-command", "x"]);
            let error = failure(bench.boxed.run_with(runtime, spec, |request| request.init = init).await);
            let SandboxError::CommandNotFound { command, searched } = error else { panic!("{error}") };
            assert_eq!((command.as_str(), searched.join(":").as_str()), ("no-such-command", "/bin:/usr/bin"));
        }
        let error = failure(bench.boxed.run_with(runtime, bench.boxed.spec(&["/bin/none"]), |_| ()).await);
        assert!(matches!(error, SandboxError::CommandNotFound { .. }), "{error}");
    }

    pub async fn a_command_that_cannot_be_executed(bench: &Bench, runtime: &dyn Runtime) {
        let bin = bench.boxed.lower().join("bin");
        let write = |name: &str, text: &str, mode: u32| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::write(bin.join(name), text).unwrap();
            std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("plain", "#!/bin/sh\n", 0o644);
        write("lost", "#!/opt/none\n", 0o755);
        write("noise", "\x01\x02\x03", 0o755);
        let run = |name: &'static str| bench.boxed.run_with(runtime, bench.boxed.spec(&[name]), |_| ());
        let error = failure(run("plain").await);
        assert!(matches!(error, SandboxError::NotExecutable { .. }), "{error}");
        let error = failure(run("lost").await);
        let SandboxError::MissingInterpreter { path, interpreter } = error else { panic!("{error}") };
        assert_eq!((path.as_str(), interpreter.as_deref()), ("/bin/lost", Some("/opt/none")));
        let error = failure(run("noise").await);
        assert!(matches!(error, SandboxError::WrongFormat { .. }), "{error}");
    }

    pub async fn a_command_that_is_too_long(bench: &Bench, runtime: &dyn Runtime) {
        let long = "x".repeat(200_000);
        // Without the init, other runtimes have begun the container by then, and it ends with the status 1.
        let inits = if runtime.name() == "native" { vec![true, false] } else { vec![true] };
        for init in inits {
            let spec = bench.boxed.spec(&["echo", &long]);
            let error = failure(bench.boxed.run_with(runtime, spec, |request| request.init = init).await);
            let SandboxError::TooLong { bytes, longest } = error else { panic!("{error}") };
            assert!(longest == long.len() + 1 && bytes > longest, "{bytes} {longest}");
        }
    }

    pub async fn standard_input(bench: &Bench, runtime: &dyn Runtime) {
        let spec = || bench.boxed.spec(&["wc", "-c"]);
        let output = bench.boxed.run_with(runtime, spec(), |_| ()).await.unwrap();
        assert_eq!(output.stdout.trim(), "0");
        let bytes = vec![b'x'; 200_000];
        let output = bench
            .boxed
            .run_with(runtime, spec(), |request| request.stdin = Stdin::Bytes(bytes))
            .await
            .unwrap();
        assert_eq!(output.stdout.trim(), "200000");
        let (read, write) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut &write, b"abc").unwrap();
        drop(write);
        let output = bench
            .boxed
            .run_with(runtime, spec(), |request| request.stdin = Stdin::File(read.into()))
            .await
            .unwrap();
        assert_eq!(output.stdout.trim(), "3");
    }

    pub async fn what_is_written_lands_in_the_upper_directory(bench: &Bench, runtime: &dyn Runtime) {
        let output = bench.boxed.sh(runtime, "echo hello > /made; mkdir /dir; echo x > /tmp/y").await;
        assert_eq!(output.upper_entries(), ["dir", "made", "tmp"]);
        assert_eq!(std::fs::read_to_string(output.upper.join("made")).unwrap(), "hello\n");
        let output = bench.boxed.run_with(runtime, bench.boxed.spec(&["true"]), |_| ()).await.unwrap();
        assert_eq!(output.upper_entries(), [""; 0], "a command that does nothing leaves nothing");
        assert_eq!(output.exit.created, [""; 0].map(PathBuf::from));
    }

    pub async fn files_are_injected_and_leave_no_trace(bench: &Bench, runtime: &dyn Runtime) {
        let script =
            "cat /etc/hosts /run/secret; stat -c '%u %g %a' /run/secret; echo x > /etc/hosts || echo ro";
        let file = |path: &str, text: &str, owner: u32, mode: u32| InjectedFile {
            path: path.into(),
            source: FileSource::Content(text.into()),
            uid: owner,
            gid: owner,
            mode,
        };
        let output = bench
            .boxed
            .run_with(runtime, bench.boxed.spec(&["sh", "-c", script]), |request| {
                request.files = vec![
                    file("/etc/hosts", "127.0.0.1 localhost\n", 0, 0o644),
                    file("/run/secret", "s3\n", 1000, 0o400),
                ];
            })
            .await
            .unwrap();
        assert_eq!(output.stdout, "127.0.0.1 localhost\ns3\n1000 1000 400\nro\n");
        assert_eq!(output.exit.created, ["/run", "/run/secret"].map(PathBuf::from));
        assert_eq!(std::fs::metadata(output.upper.join("run/secret")).unwrap().len(), 0);
    }

    pub async fn places_for_mounts_are_told(bench: &Bench, runtime: &dyn Runtime) {
        let source = bench.boxed.dir.path().join("volume");
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("in"), "from outside\n").unwrap();
        let mut spec = bench.boxed.spec(&["sh", "-c", "cat /mnt/a/in; echo out > /mnt/a/out"]);
        let mut mount = Mount::default();
        mount
            .set_destination("/mnt/a".into())
            .set_source(Some(source.clone()))
            .set_typ(Some("bind".into()))
            .set_options(Some(vec!["rbind".into(), "rw".into()]));
        let mut mounts = spec.mounts().clone().unwrap();
        mounts.push(mount);
        spec.set_mounts(Some(mounts));
        let output = bench.boxed.run_with(runtime, spec, |_| ()).await.unwrap();
        assert_eq!(output.stdout, "from outside\n");
        assert_eq!(output.exit.created, ["/mnt", "/mnt/a"].map(PathBuf::from));
        assert_eq!(std::fs::read_to_string(source.join("out")).unwrap(), "out\n");
    }

    pub async fn user_and_working_directory(bench: &Bench, runtime: &dyn Runtime) {
        let mut spec =
            bench.boxed.spec(&["sh", "-c", "id -u; id -g; pwd; stat -c %u .; echo ok > /dev/stdout"]);
        let process = spec.process_mut().as_mut().unwrap();
        process.user_mut().set_uid(1000).set_gid(1000);
        process.set_cwd("/work/deep".into());
        let output = bench.boxed.run_with(runtime, spec, |_| ()).await.unwrap();
        assert_eq!(output.stdout, "1000\n1000\n/work/deep\n1000\nok\n", "{}", output.stderr);
    }

    pub async fn the_container_is_isolated(bench: &Bench, runtime: &dyn Runtime) {
        let script = "hostname; ls /proc | grep -c '^[0-9]'; cat /proc/net/dev | grep -c eth; \
                      ls /proc/self/fd | wc -l; mount -t tmpfs none /tmp 2>/dev/null || echo no-mount; \
                      env | sort; echo x > /proc/sys/kernel/hostname || echo no-sysctl";
        let output = bench.boxed.sh(runtime, script).await;
        let lines: Vec<&str> = output.stdout.lines().collect();
        assert_eq!(lines[0], "boxed");
        assert!(lines[1].parse::<u32>().unwrap() <= 5, "only its own processes: {}", lines[1]);
        assert_eq!(lines[2], "0", "no interface but lo");
        assert_eq!(lines[3], "4", "three standard streams and the listing itself");
        assert_eq!(lines[4], "no-mount");
        let environment: Vec<&&str> = lines[5..].iter().filter(|line| line.contains('=')).collect();
        for entry in environment {
            let name = entry.split('=').next().unwrap();
            assert!(["PATH", "HOME", "PWD", "SHLVL", "OLDPWD"].contains(&name), "{entry}");
        }
        assert_eq!(lines.last(), Some(&"no-sysctl"));
    }

    /// Off by default, so that `sudo` works in a step; on, set-user-id programs give nothing.
    pub async fn new_privileges_are_a_choice(bench: &Bench, runtime: &dyn Runtime) {
        use std::os::unix::fs::PermissionsExt;
        let program = bench.boxed.lower().join("bin/busybox");
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o4755)).unwrap();
        for forbidden in [false, true] {
            let mut spec = bench.boxed.spec(&["busybox", "su", "-c", "id -u", "root"]);
            let process = spec.process_mut().as_mut().unwrap();
            assert_eq!(process.no_new_privileges(), Some(false));
            process.set_no_new_privileges(Some(forbidden)).user_mut().set_uid(1000).set_gid(1000);
            let output = bench.boxed.run_with(runtime, spec, |request| {
                let content = b"root::0:0::/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n".to_vec();
                let source = FileSource::Content(content);
                request.files.push(InjectedFile {
                    path: "/etc/passwd".into(),
                    source,
                    uid: 0,
                    gid: 0,
                    mode: 0o644,
                });
            });
            let output = output.await.unwrap();
            assert_eq!(
                output.stdout == "0\n",
                !forbidden,
                "{forbidden}: {} {}",
                output.stdout,
                output.stderr
            );
        }
    }

    pub async fn killing_ends_the_whole_tree(bench: &Bench, runtime: &dyn Runtime) {
        let (mut running, mut stdout) =
            start(bench, runtime, "sleep 300 & sleep 300 & echo ready; sleep 300").await;
        assert_eq!(stdout.line(), "ready");
        let begun = Instant::now();
        running.kill();
        let exit = running.wait().await.unwrap();
        assert_eq!(exit.status.shell_code(), 137);
        assert!(begun.elapsed() < Duration::from_secs(2));
        stdout.end();
        assert_eq!(running.wait().await.unwrap(), exit, "the same again");
    }

    pub async fn dropping_kills(bench: &Bench, runtime: &dyn Runtime) {
        let (running, mut stdout) = start(bench, runtime, "echo ready; sleep 300").await;
        assert_eq!(stdout.line(), "ready");
        drop(running);
        stdout.end();
    }

    pub async fn signals_reach_the_command(bench: &Bench, runtime: &dyn Runtime) {
        let script = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
        let (mut running, mut stdout) = start(bench, runtime, script).await;
        assert_eq!(stdout.line(), "ready");
        running.signal(15).unwrap();
        assert_eq!(stdout.line(), "got");
        assert_eq!(running.wait().await.unwrap().status, ExitStatus::Code(3));
        assert!(running.signal(15).is_err(), "it is gone");
    }

    pub async fn a_fork_bomb_ends(bench: &Bench, runtime: &dyn Runtime) {
        if let Some(reason) = bench.cgroups.reason() {
            return eprintln!("skipped on {}: {reason}", runtime.name());
        }
        // Doubles as a bomb does, but ends at about 2000 should the limit not hold.
        let script = "bomb() { [ $1 = 0 ] || { bomb $(($1-1)) & bomb $(($1-1)) & }; sleep 300; }; readlink /proc/self/ns/pid; \
                      bomb 10 & exec sleep 300";
        let mut spec = bench.boxed.spec(&["sh", "-c", script]);
        let mut resources = LinuxResources::default();
        resources.set_pids(Some(LinuxPidsBuilder::default().limit(64).build().unwrap()));
        spec.linux_mut().as_mut().unwrap().set_resources(Some(resources));
        let (mut running, mut stdout) = start_spec(bench, runtime, spec).await;
        let namespace = stdout.line();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let bombs = processes_in(&namespace);
        assert!((20..=64).contains(&bombs), "{bombs} processes");
        let begun = Instant::now();
        running.kill();
        let exit = running.wait().await.unwrap();
        assert_eq!(exit.status.shell_code(), 137);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        stdout.end();
    }

    pub async fn many_at_once(bench: &Bench, runtime: &dyn Runtime) {
        let runs = (0..12).map(|number| async move {
            let output = bench.boxed.sh(runtime, &format!("echo {number}; exit {number}")).await;
            assert_eq!(output.exit.status, ExitStatus::Code(number));
            assert_eq!(output.stdout, format!("{number}\n"));
        });
        let mut runs: Vec<_> = runs.map(Box::pin).collect();
        // All are polled in turn; no crate for that is needed here.
        std::future::poll_fn(|context| {
            runs.retain_mut(|run| run.as_mut().poll(context).is_pending());
            if runs.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }

    pub async fn the_bridge_is_there(bench: &Bench, runtime: &dyn Runtime) {
        let script = "ip addr show eth0 | grep -o 'inet [0-9.]*'; ip route | grep -c '^default'";
        let output = bench
            .boxed
            .run_with(runtime, bench.boxed.spec(&["sh", "-c", script]), |request| {
                request.network = NetworkMode::Bridge;
            })
            .await
            .unwrap();
        // Which subnet it is depends on those that this machine has already.
        let address = output.stdout.lines().next().and_then(|line| line.strip_prefix("inet "));
        let address = address.and_then(|address| address.parse::<std::net::Ipv4Addr>().ok());
        assert!(address.is_some_and(|address| address.is_private()), "{} {}", output.stdout, output.stderr);
        assert!(output.stdout.ends_with("\n1\n"), "{}", output.stdout);
    }

    pub async fn a_port_is_opened_on_loopback(bench: &Bench, runtime: &dyn Runtime) {
        for mode in [NetworkMode::Bridge, NetworkMode::None, NetworkMode::Host] {
            bench.boxed.says_to_a_port(runtime, mode).await;
        }
    }

    pub async fn no_init(bench: &Bench, runtime: &dyn Runtime) {
        for code in [0, 7] {
            let spec = bench.boxed.spec(&["sh", "-c", &format!("echo $$; exit {code}")]);
            let output = bench.boxed.run_with(runtime, spec, |request| request.init = false).await.unwrap();
            assert_eq!((output.stdout.as_str(), output.exit.status), ("1\n", ExitStatus::Code(code)));
        }
    }

    /// The machine may have taken some of the engine's own away.
    pub async fn all_capabilities_that_there_are(bench: &Bench, runtime: &dyn Runtime) {
        let own = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let of =
            |status: &str| status.lines().find_map(|line| line.strip_prefix("CapPrm:\t").map(str::to_owned));
        let spec =
            kukri_sandbox::spec::privileged(bench.boxed.spec(&["grep", "CapPrm", "/proc/self/status"]));
        let output = bench.boxed.run_with(runtime, spec, |_| {}).await.unwrap();
        assert_eq!((of(&output.stdout), output.exit.status), (of(&own), ExitStatus::Code(0)));
    }

    pub async fn a_terminal_is_the_controlling_one(bench: &Bench, runtime: &dyn Runtime) {
        use std::io::{BufRead, Write};
        let pty =
            rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&pty).unwrap();
        rustix::pty::unlockpt(&pty).unwrap();
        let name = rustix::pty::ptsname(&pty, Vec::new()).unwrap();
        let open = || {
            let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
            rustix::fs::open(&name, flags, rustix::fs::Mode::empty()).unwrap()
        };
        let spec = bench.boxed.spec(&["sh", "-c", "read line; echo got $line > /dev/tty; sleep 300"]);
        let (mut request, _) = bench.boxed.request(spec, open(), open());
        request.stdin = Stdin::File(open());
        let mut running = runtime.run(request).await.unwrap();
        let pty = std::fs::File::from(pty);
        (&pty).write_all(b"hello\n").unwrap();
        let mut lines = std::io::BufReader::new(&pty).lines();
        assert_eq!(lines.next().unwrap().unwrap().trim_end(), "hello", "the echo");
        assert_eq!(lines.next().unwrap().unwrap().trim_end(), "got hello");
        (&pty).write_all(b"\x03").unwrap();
        assert_eq!(running.wait().await.unwrap().status.shell_code(), 130, "control-C is an interrupt");
    }

    pub async fn a_killed_engine_takes_its_containers_along(bench: &Bench, runtime: &dyn Runtime) {
        use std::io::BufRead;
        let mut engine = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "engine_which_is_killed", "--nocapture"])
            .env(ENGINE, format!("{} {}", runtime.name(), bench.boxed.dir.path().display()))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = std::io::BufReader::new(engine.stdout.take().unwrap());
        let mut lines = output.lines().map(Result::unwrap);
        let namespace = lines.find(|line| line.starts_with("pid:[")).expect("its container runs");
        assert!(processes_in(&namespace) > 0);
        engine.kill().unwrap();
        engine.wait().unwrap();
        let begun = Instant::now();
        while processes_in(&namespace) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(3), "its container lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let left = || std::fs::read_dir(bench.boxed.dir.path().join("oci")).into_iter().flatten().count();
        let before = left();
        drop(bench.runtime(runtime.name()).unwrap());
        if runtime.name() != "native" {
            assert_eq!((before, left()), (2, 1), "its state is cleared away by the next engine");
        }
    }

    pub async fn a_missing_layer_is_an_error(bench: &Bench, runtime: &dyn Runtime) {
        let error = failure(
            bench
                .boxed
                .run_with(runtime, bench.boxed.spec(&["true"]), |request| {
                    let Rootfs::Overlay { lowers, .. } = &mut request.rootfs else { unreachable!() };
                    lowers.push("/no/such/layer".into());
                })
                .await,
        );
        assert!(matches!(error, SandboxError::Mount { .. }), "{error}");
        assert!(error.to_string().contains("/no/such/layer"), "{error}");
    }
}

/// Names the runtime and the directory for [`engine_which_is_killed`].
const ENGINE: &str = "KUKRI_TEST_ENGINE";

/// Not a test of its own: the other process of `a_killed_engine_takes_its_containers_along`.
#[test]
fn engine_which_is_killed() {
    let Ok(text) = std::env::var(ENGINE) else { return };
    let (name, dir) = text.split_once(' ').unwrap();
    let Some(boxed) = fixture() else { return };
    let bench = Bench { boxed, networks: None, cgroups: ControlGroups::none("not needed") };
    let runtime = bench.runtime_in(name, std::path::Path::new(dir)).unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let spec = bench.boxed.spec(&["sh", "-c", "readlink /proc/self/ns/pid; sleep 300 & sleep 300"]);
        let output = std::io::stdout();
        let output = std::os::fd::AsFd::as_fd(&output).try_clone_to_owned().unwrap();
        let errors = std::fs::File::options().write(true).open("/dev/null").unwrap();
        let (request, _) = bench.boxed.request(spec, output, errors.into());
        let mut running = runtime.run(request).await.unwrap();
        let _ = running.wait().await;
    });
}

fn failure(outcome: Result<common::Output, SandboxError>) -> SandboxError {
    match outcome {
        Ok(output) => panic!("it ran: {:?} {} {}", output.exit.status, output.stdout, output.stderr),
        Err(error) => error,
    }
}

/// How many processes are in this PID namespace.
fn processes_in(namespace: &str) -> usize {
    let inside = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path().join("ns/pid")).is_ok_and(|link| link.as_os_str() == namespace)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter(inside).count()
}

/// Standard output of a container that runs.
struct Lines(std::io::BufReader<std::io::PipeReader>);

impl Lines {
    fn line(&mut self) -> String {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut self.0, &mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits until nobody can write any more: the whole tree is gone.
    fn end(mut self) {
        let begun = Instant::now();
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.0, &mut rest).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(2), "something lived on");
    }
}

async fn start(bench: &Bench, runtime: &dyn Runtime, script: &str) -> (Box<dyn Running>, Lines) {
    start_spec(bench, runtime, bench.boxed.spec(&["sh", "-c", script])).await
}

async fn start_spec(
    bench: &Bench,
    runtime: &dyn Runtime,
    spec: oci_spec::runtime::Spec,
) -> (Box<dyn Running>, Lines) {
    let (read, write) = std::io::pipe().unwrap();
    let errors = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let (request, _) = bench.boxed.request(spec, write.into(), errors.into());
    (runtime.run(request).await.unwrap(), Lines(std::io::BufReader::new(read)))
}
