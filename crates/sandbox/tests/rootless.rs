//! The native executor inside a user namespace, as an ordinary user has it.
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

mod common;

use std::os::unix::process::CommandExt;
use std::process::Command;

use common::{fixture, native};
use kukri_sandbox::userns::{Mapping, Outside, inside, spawn};
use kukri_sandbox::*;

/// Set for the copy of this program that runs inside the namespace.
const INSIDE: &str = "KUKRI_TEST_INSIDE";
const USER: u32 = 1500;

/// Runs this test program again, only the named test, as an ordinary user who is root of a new namespace.
fn again(test: &str, helper_path: Vec<std::path::PathBuf>) -> Mapping {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(directory.path(), Some(USER), Some(USER)).unwrap();
    let program = directory.path().join("test");
    // By another process: a child that a test beside this one forks meanwhile would hold a copy of the descriptor that
    // is open for writing, and the program could not be run ("text file busy").
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let mut command = Command::new(&program);
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1").env("TMPDIR", directory.path());
    command.current_dir("/").uid(USER).gid(USER);
    let outside = Outside { uid: USER, gid: USER, name: None, helper_path };
    let (mut child, mapping) = spawn(command, &outside).unwrap();
    assert!(child.wait().unwrap().success());
    mapping
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

#[test]
fn privileged_rootless_runs() {
    if std::env::var_os(INSIDE).is_none() {
        if is_root() {
            assert_eq!(again("privileged_rootless_runs", Vec::new()), Mapping::Single);
        }
        return;
    }
    assert!(inside());
    let Some(boxed) = fixture() else { return };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let runtime = native();
        for init in [true, false] {
            let script = "id -u; cat /proc/self/uid_map | tr -s ' '; echo x > /dev/null; ls -1 /dev | wc -l; \
                          head -c 2 /dev/zero | wc -c; rm /etc/hosts; mkdir /etc/hosts; ls -d /sys/class/net/*; \
                          mount | grep -c overlay; grep Seccomp: /proc/self/status; exit 3";
            let spec = boxed.spec(&["sh", "-c", script]);
            let output = boxed
                .run_with(&runtime, spec, |request| {
                    request.init = init;
                    let Rootfs::Overlay { userxattr, .. } = &mut request.rootfs else { panic!() };
                    *userxattr = true;
                })
                .await
                .unwrap();
            let lines: Vec<&str> = output.stdout.lines().map(str::trim).collect();
            let expected =
                ["0", "0 1500 1", "15", "2", "/sys/class/net/lo", "1", "Seccomp:\t2"];
            assert_eq!(lines, expected, "{}", output.stderr);
            assert_eq!(output.exit.status, ExitStatus::Code(3));
            assert_eq!(output.upper_entries(), ["etc"]);
        }
        // Changing the user took away what the engine needs to look at itself.
        assert!(std::fs::read_dir("/proc/self/fd").is_ok());
        // Overlay leaves a directory without permissions in its work directory.
        for entry in std::fs::read_dir(boxed.dir.path()).unwrap().flatten() {
            let work = entry.path().join("work/work");
            if work.exists() {
                std::fs::set_permissions(&work, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
            }
        }
    });
}

#[test]
fn privileged_a_missing_namespace_is_explained() {
    if !is_root() {
        return;
    }
    // A user id that no map can hold.
    let outside = Outside { uid: u32::MAX, gid: 0, name: None, helper_path: Vec::new() };
    let error = spawn(Command::new("/bin/true"), &outside).err().unwrap();
    assert!(error.to_string().contains("uid_map"), "{error}");
}
