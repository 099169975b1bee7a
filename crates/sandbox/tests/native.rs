//! The native executor on a real kernel.

mod common;

use std::time::{Duration, Instant};

use common::{fixture, native};
use kukri_sandbox::*;

#[tokio::test]
async fn privileged_true_leaves_nothing() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let output = boxed.run_with(&runtime, boxed.spec(&["true"]), |_| ()).await.unwrap();
    assert_eq!(output.exit.status, ExitStatus::Code(0));
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(output.upper_entries(), Vec::<String>::new());
    assert_eq!(output.exit.created, Vec::<std::path::PathBuf>::new());
    assert!(output.exit.usage.wall > Duration::ZERO && output.exit.usage.max_rss_bytes > 0);
}

#[tokio::test]
async fn privileged_exit_codes_and_signals() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    for init in [true, false] {
        for (script, status) in [
            ("exit 0", ExitStatus::Code(0)),
            ("exit 7", ExitStatus::Code(7)),
            ("exit 255", ExitStatus::Code(255)),
            ("exit 137", ExitStatus::Code(137)),
        ] {
            let spec = boxed.spec(&["sh", "-c", script]);
            let output = boxed.run_with(&runtime, spec, |request| request.init = init).await.unwrap();
            assert_eq!(output.exit.status, status, "{script} {init}");
        }
    }
    for signal in [9, 15, 11] {
        let output = boxed.sh(&runtime, &format!("kill -{signal} $$")).await;
        assert_eq!(output.exit.status, ExitStatus::Signal(signal));
        assert_eq!(output.exit.status.shell_code(), 128 + signal);
    }
}

#[tokio::test]
async fn privileged_stdin_bytes_file_and_nothing() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let text = "line\n".repeat(100_000);
    let spec = || boxed.spec(&["wc", "-c"]);
    let bytes = text.clone().into_bytes();
    let output =
        boxed.run_with(&runtime, spec(), |request| request.stdin = Stdin::Bytes(bytes)).await.unwrap();
    assert_eq!(output.stdout.trim(), "500000");
    let output = boxed.run_with(&runtime, spec(), |_| ()).await.unwrap();
    assert_eq!(output.stdout.trim(), "0");
    let (read, mut write) = std::io::pipe().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut write, text.as_bytes()));
    let output =
        boxed.run_with(&runtime, spec(), |request| request.stdin = Stdin::File(read.into())).await.unwrap();
    assert_eq!(output.stdout.trim(), "500000");
    writer.join().unwrap().unwrap();
}

#[tokio::test]
async fn privileged_user_and_groups() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let mut spec = boxed.spec(&[
        "sh",
        "-c",
        "id -u; id -g; id -G; umask; touch /tmp/x /home/x; stat -c %u:%g:%a /tmp/x",
    ]);
    let user = spec.process_mut().as_mut().unwrap().user_mut();
    user.set_uid(1000).set_gid(1001).set_additional_gids(Some(vec![5, 6]));
    std::fs::set_permissions(boxed.lower().join("tmp"), std::os::unix::fs::PermissionsExt::from_mode(0o1777))
        .unwrap();
    let output = boxed.run_with(&runtime, spec, |_| ()).await.unwrap();
    assert_eq!(
        output.stdout.lines().collect::<Vec<_>>(),
        ["1000", "1001", "1001 5 6", "0022", "1000:1001:644"]
    );
    assert!(output.stderr.contains("/home/x"), "{}", output.stderr);
}

/// A line of `/proc/self/status`.
fn status<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_start_matches(':').trim()
}

#[tokio::test]
async fn privileged_capabilities_and_filter() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let docker = "00000000a80425fb";
    let output = boxed.run_with(&runtime, boxed.spec(&["cat", "/proc/self/status"]), |_| ()).await.unwrap();
    let text = &output.stdout;
    for (name, value) in [
        ("CapInh", "0000000000000000"),
        ("CapPrm", docker),
        ("CapEff", docker),
        ("CapBnd", docker),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "0"),
        ("Seccomp", "2"),
        ("SigBlk", "0000000000000000"),
        ("SigIgn", "0000000000000000"),
    ] {
        assert_eq!(status(text, name), value, "{name}");
    }
    // Another user holds nothing, whatever the bounding set allows.
    let mut spec = boxed.spec(&["cat", "/proc/self/status"]);
    let process = spec.process_mut().as_mut().unwrap();
    process.set_no_new_privileges(Some(true)).user_mut().set_uid(1000);
    let text = boxed.run_with(&runtime, spec, |request| request.init = false).await.unwrap().stdout;
    assert_eq!(status(&text, "CapEff"), "0000000000000000");
    assert_eq!(status(&text, "CapBnd"), docker);
    assert_eq!((status(&text, "NoNewPrivs"), status(&text, "Seccomp")), ("1", "2"));
    let output = boxed.sh(&runtime, "mount -t tmpfs x /tmp; echo $?; hostname other; echo $?").await;
    assert_eq!(output.stdout, "1\n1\n", "{}", output.stderr);
}

#[tokio::test]
async fn privileged_ambient_capabilities_reach_a_user() {
    use oci_spec::runtime::Capability;
    let Some(boxed) = fixture() else { return };
    let mut spec = boxed.spec(&["cat", "/proc/self/status"]);
    let process = spec.process_mut().as_mut().unwrap();
    process.user_mut().set_uid(1000);
    let set = Some([Capability::NetBindService].into_iter().collect());
    let mut sets = process.capabilities().clone().unwrap();
    sets.set_permitted(set.clone()).set_effective(set.clone()).set_inheritable(set.clone()).set_ambient(set);
    process.set_capabilities(Some(sets));
    let text = boxed.run_with(&native(), spec, |_| ()).await.unwrap().stdout;
    assert_eq!(status(&text, "CapEff"), "0000000000000400");
    assert_eq!(status(&text, "CapAmb"), "0000000000000400");
}

#[tokio::test]
async fn privileged_insecure_runs_may_mount() {
    let Some(boxed) = fixture() else { return };
    let spec = privileged(boxed.spec(&[
        "sh",
        "-c",
        "mount -t tmpfs x /tmp && echo mounted; mkdir -p /sys/fs/cgroup/x; cat /proc/self/status; mount",
    ]));
    let output = boxed.run_with(&native(), spec, |_| ()).await.unwrap();
    assert!(output.stdout.starts_with("mounted\n"), "{} {}", output.stdout, output.stderr);
    assert_eq!(status(&output.stdout, "Seccomp"), "0");
    assert!(output.stdout.contains(" on /sys/fs/cgroup"), "{}", output.stdout);
}

#[tokio::test]
async fn privileged_proc_and_sys_are_guarded() {
    let Some(boxed) = fixture() else { return };
    let output = boxed
        .sh(
            &native(),
            "cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l; ls /proc/scsi 2>/dev/null | wc -l
             echo 1 > /proc/sys/kernel/panic; echo $?
             mkdir /sys/x; echo $?",
        )
        .await;
    assert_eq!(output.stdout.lines().collect::<Vec<_>>(), ["0", "0", "0", "1", "1"], "{}", output.stderr);
    assert_eq!(output.stderr.matches("Read-only file system").count(), 2, "{}", output.stderr);
}

#[tokio::test]
async fn privileged_devices_work() {
    let Some(boxed) = fixture() else { return };
    let output = boxed
        .sh(
            &native(),
            "echo gone > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c
             echo x > /dev/full || echo full; ls -1 /dev | sort | tr '\\n' ' '; echo; echo y > /dev/shm/f && cat /dev/shm/f
             stat -c %a /dev/null /dev/shm; echo z > /dev/stdout; readlink /dev/ptmx; mount | grep mqueue | wc -l",
        )
        .await;
    let expected = "3\n3\nfull\ncore fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero \ny\n\
                    666\n1777\nz\npts/ptmx\n1\n";
    assert_eq!(output.stdout, expected, "{}", output.stderr);
}

#[tokio::test]
async fn privileged_nothing_of_the_engine_leaks() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    // A descriptor that would be inherited by a careless executor, and mounts below the root.
    let leak = std::fs::File::open("/").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    for init in [true, false] {
        let script = "ls -1 /proc/self/fd | wc -l; env | sort; pwd; readlink /proc/self/ns/user; hostname; ps -o pid,args";
        let spec = boxed.spec(&["sh", "-c", script]);
        let output = boxed.run_with(&runtime, spec, |request| request.init = init).await.unwrap();
        let lines: Vec<&str> = output.stdout.lines().collect();
        // Three streams, and the directory that `ls` reads.
        assert_eq!(lines[0], "4", "{}", output.stdout);
        assert_eq!(
            lines[1..5],
            ["HOME=/root", "PATH=/bin:/usr/bin", "PWD=/", "SHLVL=1"],
            "{}",
            output.stdout
        );
        assert_eq!(lines[5], "/");
        assert_eq!(lines[7], "boxed");
        let processes = lines[9..].join("\n");
        assert_eq!(processes.contains("kukri-init"), init, "{processes}");
        assert!(lines.len() <= 13, "{processes}");
    }
    let output = boxed.sh(&runtime, "ls -l /proc/1/fd /proc/1/exe; cat /proc/1/environ").await;
    assert!(!output.stdout.contains("->"), "{}", output.stdout);
    let output = boxed.sh(&runtime, "cat /proc/self/mountinfo").await;
    for line in output.stdout.lines() {
        let place = line.split(' ').nth(4).unwrap();
        assert!(
            ["/", "/proc", "/dev", "/sys"].iter().any(|known| place == *known
                || place.starts_with("/proc/")
                || place.starts_with("/dev/")
                || place.starts_with("/sys/")),
            "{line}"
        );
    }
    let output = boxed.sh(&runtime, "ip link | grep -c '^[0-9]'; ip link | grep lo").await;
    assert!(output.stdout.starts_with("1\n") && output.stdout.contains("UP"), "{}", output.stdout);
}

#[tokio::test]
async fn privileged_orphans_are_reaped() {
    let Some(boxed) = fixture() else { return };
    let script = "for i in 1 2 3 4 5; do sh -c 'sleep 0.05 & exit' ; done; sleep 0.4; ps -o stat | grep -c Z";
    let output = boxed.sh(&native(), script).await;
    assert_eq!(output.stdout, "0\n", "{}", output.stderr);
    // What the command leaves running ends with it.
    let begin = Instant::now();
    let output = boxed.sh(&native(), "sleep 60 & echo left").await;
    assert_eq!(output.exit.status, ExitStatus::Code(0));
    assert!(begin.elapsed() < Duration::from_secs(5));
}

/// Whether any process has this in its command line.
fn alive(needle: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).replace('\0', " ").contains(needle))
    })
}

#[tokio::test]
async fn privileged_killing_ends_the_tree() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let null = || std::os::fd::OwnedFd::from(std::fs::File::create("/dev/null").unwrap());
    let script = "sleep 4101 & (sleep 4102 & exec sleep 4103) & wait";
    let (request, _) = boxed.request(boxed.spec(&["sh", "-c", script]), null(), null());
    let mut running = runtime.run(request).await.unwrap();
    while !alive("sleep 4102") {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let begin = Instant::now();
    running.kill();
    let exit = running.wait().await.unwrap();
    assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
    assert_eq!(exit.status, ExitStatus::Signal(9));
    assert!(!alive("sleep 410"));
    assert_eq!(running.wait().await.unwrap(), exit);

    let (request, _) = boxed.request(boxed.spec(&["sleep", "4201"]), null(), null());
    let running = runtime.run(request).await.unwrap();
    assert!(alive("sleep 4201"));
    drop(running);
    let deadline = Instant::now() + Duration::from_secs(5);
    while alive("sleep 4201") {
        assert!(Instant::now() < deadline, "a dropped container lives on");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn privileged_signals_reach_the_command() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    for init in [true, false] {
        let (mut read, write) = std::io::pipe().unwrap();
        let null = std::fs::File::create("/dev/null").unwrap();
        let script = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.02; done";
        let (mut request, _) = boxed.request(boxed.spec(&["sh", "-c", script]), write.into(), null.into());
        request.init = init;
        let mut running = runtime.run(request).await.unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(&mut read, &mut ready).unwrap();
        running.signal(15).unwrap();
        assert_eq!(running.wait().await.unwrap().status, ExitStatus::Code(3));
        assert!(running.signal(15).is_err());
    }
    assert!(runtime.check().is_ok());
}

#[tokio::test]
async fn privileged_workdir_is_made_for_the_user() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let mut spec = boxed.spec(&["sh", "-c", "pwd; stat -c '%u:%g %a' . ..; touch here"]);
    let process = spec.process_mut().as_mut().unwrap();
    process.set_cwd("/work/a b/./c".into()).user_mut().set_uid(1000).set_gid(7);
    let output = boxed.run_with(&runtime, spec, |_| ()).await.unwrap();
    assert_eq!(output.stdout, "/work/a b/c\n1000:7 755\n1000:7 755\n", "{}", output.stderr);
    assert!(output.upper.join("work/a b/c/here").exists());

    // Links are followed inside the root only.
    std::os::unix::fs::symlink("/home", boxed.lower().join("link")).unwrap();
    std::os::unix::fs::symlink("../../../../../..", boxed.lower().join("out")).unwrap();
    let mut spec = boxed.spec(&["pwd"]);
    spec.process_mut().as_mut().unwrap().set_cwd("/link/new".into());
    assert_eq!(boxed.run_with(&runtime, spec, |_| ()).await.unwrap().stdout, "/home/new\n");
    let mut spec = boxed.spec(&["pwd"]);
    spec.process_mut().as_mut().unwrap().set_cwd("/out/tmp".into());
    assert_eq!(boxed.run_with(&runtime, spec, |_| ()).await.unwrap().stdout, "/tmp\n");

    let mut spec = boxed.spec(&["pwd"]);
    spec.process_mut().as_mut().unwrap().set_cwd("/etc/passwd".into());
    let error = boxed.run_with(&runtime, spec, |_| ()).await.err().unwrap();
    assert!(matches!(&error, SandboxError::Workdir { path, .. } if path == "/etc/passwd"), "{error}");
}

#[tokio::test]
async fn privileged_failures_to_execute_are_named() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let lower = boxed.lower();
    let program = |name: &str, content: &[u8], mode: u32| {
        let path = lower.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    program("bin/plain", b"#!/bin/sh\n", 0o644);
    program("bin/orphan", b"#!/usr/bin/python9 -u\n", 0o755);
    program("bin/garbage", b"\x00\x01\x02", 0o755);
    if let Ok(dynamic) = std::fs::read("/usr/bin/env") {
        program("bin/dynamic", &dynamic, 0o755);
    }
    for init in [true, false] {
        let fails = async |args: &[&str]| {
            let spec = boxed.spec(args);
            boxed.run_with(&runtime, spec, |request| request.init = init).await.err().unwrap()
        };
        match fails(&["nothere"]).await {
            SandboxError::CommandNotFound { command, searched } => {
                assert_eq!(
                    (command.as_str(), searched),
                    ("nothere", vec!["/bin".to_owned(), "/usr/bin".to_owned()])
                );
            }
            other => panic!("{other}"),
        }
        let error = fails(&["/no/such"]).await;
        assert_eq!(error.to_string(), "command not found: \"/no/such\"");
        let error = fails(&["plain"]).await;
        assert!(
            matches!(&error, SandboxError::NotExecutable { path, .. } if path == "/bin/plain"),
            "{error}"
        );
        let error = fails(&["/etc"]).await;
        assert!(matches!(&error, SandboxError::NotExecutable { path, .. } if path == "/etc"), "{error}");
        match fails(&["orphan"]).await {
            SandboxError::MissingInterpreter { path, interpreter } => {
                assert_eq!(
                    (path.as_str(), interpreter.as_deref()),
                    ("/bin/orphan", Some("/usr/bin/python9"))
                );
            }
            other => panic!("{other}"),
        }
        let error = fails(&["garbage"]).await;
        assert!(matches!(&error, SandboxError::WrongFormat { path } if path == "/bin/garbage"), "{error}");
        if lower.join("bin/dynamic").exists() {
            let error = fails(&["dynamic"]).await;
            let named = matches!(&error, SandboxError::MissingInterpreter { interpreter: Some(name), .. }
                if name.starts_with("/lib"));
            assert!(named, "{error}");
        }
        let error = fails(&[]).await;
        assert!(matches!(error, SandboxError::Spec { .. }), "{error}");
    }
}

#[tokio::test]
async fn privileged_hundred_runs_four_at_a_time() {
    let Some(boxed) = fixture() else { return };
    let boxed = std::sync::Arc::new(boxed);
    let runtime = std::sync::Arc::new(native());
    let before = open_files();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..4_u8 {
        let (boxed, runtime) = (boxed.clone(), runtime.clone());
        tasks.spawn(async move {
            for round in 0..25_u8 {
                let code = lane * 25 + round;
                let script = format!("echo {code}; exit {code}");
                let output = boxed.sh(&*runtime, &script).await;
                assert_eq!(output.exit.status, ExitStatus::Code(code.into()));
                assert_eq!(output.stdout, format!("{code}\n"));
                assert_eq!(output.upper_entries(), Vec::<String>::new());
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    // Other tests of this program hold files meanwhile, but one kept by each run would make a hundred.
    assert!(open_files() <= before + 70, "{before} -> {}", open_files());
}

/// A child that another thread has just cloned holds copies of descriptors that are open for writing; making the files
/// read-only has to wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn privileged_files_are_injected_while_others_start() {
    let Some(boxed) = fixture() else { return };
    let boxed = std::sync::Arc::new(boxed);
    let runtime = std::sync::Arc::new(native());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (boxed, runtime) = (boxed.clone(), runtime.clone());
        tasks.spawn(async move {
            for _ in 0..40 {
                let spec = boxed.spec(&["cat", "/etc/note"]);
                let inject = |request: &mut RunRequest| {
                    request.files.push(InjectedFile {
                        path: "/etc/note".into(),
                        source: FileSource::Content(b"noted".to_vec()),
                        uid: 0,
                        gid: 0,
                        mode: 0o444,
                    });
                };
                let output = boxed.run_with(&*runtime, spec, inject).await.unwrap();
                assert_eq!(output.stdout, "noted");
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test]
async fn privileged_a_terminal_controls_the_session() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    for init in [true, false] {
        let master =
            rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let slave = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).unwrap();
        let (copy, second) = (slave.try_clone().unwrap(), slave.try_clone().unwrap());
        let script = "trap 'echo interrupted; exit 5' INT; echo on > /dev/tty; while :; do sleep 0.02; done";
        let (mut request, _) = boxed.request(boxed.spec(&["sh", "-c", script]), copy, second);
        request.stdin = Stdin::File(slave);
        request.init = init;
        let mut running = runtime.run(request).await.unwrap();
        let mut text = String::new();
        while !text.contains("on\r\n") {
            let mut buffer = [0; 64];
            let read = rustix::io::read(&master, &mut buffer).unwrap();
            text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        // Control-C reaches the foreground of the session that the terminal controls.
        rustix::io::write(&master, b"\x03").unwrap();
        let exit = running.wait().await.unwrap();
        assert_eq!(exit.status, ExitStatus::Code(5), "{init}");
    }
}
