//! Mounts, injected files and read-only roots on a real kernel.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{fixture, native};
use kukri_sandbox::*;
use oci_spec::runtime::{Mount, Spec};

fn add_mount(spec: &mut Spec, destination: &str, kind: &str, source: Option<&Path>, options: &[&str]) {
    let mut mount = Mount::default();
    mount
        .set_destination(destination.into())
        .set_typ(Some(kind.to_owned()))
        .set_source(source.map(Path::to_owned))
        .set_options(Some(options.iter().map(|&option| option.to_owned()).collect()));
    let mut mounts = spec.mounts().clone().unwrap_or_default();
    mounts.push(mount);
    spec.set_mounts(Some(mounts));
}

fn file(path: &str, content: &str, owner: (u32, u32), mode: u32) -> InjectedFile {
    InjectedFile {
        path: path.into(),
        source: FileSource::Content(content.as_bytes().to_vec()),
        uid: owner.0,
        gid: owner.1,
        mode,
    }
}

#[tokio::test]
async fn privileged_binds_and_overlays() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let host = boxed.dir.path().join("host");
    fs::create_dir_all(host.join("sub")).unwrap();
    fs::write(host.join("file"), "from the host").unwrap();
    let (up, work) = (boxed.dir.path().join("cow-up"), boxed.dir.path().join("cow-work"));
    fs::create_dir_all(&up).unwrap();
    fs::create_dir_all(&work).unwrap();

    let mut spec = boxed.spec(&[
        "sh",
        "-c",
        "echo new > /rw/new; echo new > /ro/x; echo new > /cow/file; cat /cow/file /one; echo more > /tmpfs/x; ls /tmpfs",
    ]);
    let (lower, upper, workdir) = (
        format!("lowerdir={}", host.display()),
        format!("upperdir={}", up.display()),
        format!("workdir={}", work.display()),
    );
    add_mount(&mut spec, "/rw", "bind", Some(&host), &["rbind"]);
    add_mount(&mut spec, "/ro", "bind", Some(&host), &["rbind", "ro"]);
    add_mount(&mut spec, "/one", "bind", Some(&host.join("file")), &["bind", "ro"]);
    add_mount(&mut spec, "/cow", "overlay", None, &[&lower, &upper, &workdir]);
    add_mount(&mut spec, "/tmpfs", "tmpfs", None, &["size=1m"]);
    let output = boxed.run_with(&runtime, spec, |_| ()).await.unwrap();
    assert_eq!(output.stdout, "new\nfrom the hostx\n", "{}", output.stderr);
    assert!(output.stderr.contains("/ro/x: Read-only file system"), "{}", output.stderr);
    assert_eq!(fs::read_to_string(host.join("new")).unwrap(), "new\n");
    assert_eq!(fs::read_to_string(host.join("file")).unwrap(), "from the host");
    assert_eq!(fs::read_to_string(up.join("file")).unwrap(), "new\n");
    // The root had none of the mount points; they were made there and told.
    let created: Vec<PathBuf> = ["/rw", "/ro", "/one", "/cow", "/tmpfs"].map(PathBuf::from).to_vec();
    assert_eq!(output.exit.created, created);
    assert_eq!(output.upper_entries(), ["cow", "one", "ro", "rw", "tmpfs"]);

    let mut spec = boxed.spec(&["true"]);
    add_mount(&mut spec, "/x", "bind", Some(&host.join("absent")), &["bind"]);
    let error = boxed.run_with(&runtime, spec, |_| ()).await.err().unwrap();
    assert!(
        matches!(&error, SandboxError::Mount { target, source, .. }
        if target == Path::new("/x") && source.kind() == std::io::ErrorKind::NotFound),
        "{error}"
    );
    let mut spec = boxed.spec(&["true"]);
    add_mount(&mut spec, "/x", "nosuchfs", None, &[]);
    let error = boxed.run_with(&runtime, spec, |_| ()).await.err().unwrap();
    assert!(error.to_string().contains("nosuchfs on /x"), "{error}");
}

#[tokio::test]
async fn privileged_mount_points_stay_inside_the_root() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let outside = boxed.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, boxed.lower().join("abs")).unwrap();
    std::os::unix::fs::symlink("/proc/self/fd/9", boxed.lower().join("magic")).unwrap();
    for place in ["/abs/made/here", "/../../../etc/made", "/magic/made"] {
        let mut spec = boxed.spec(&["true"]);
        add_mount(&mut spec, place, "tmpfs", None, &[]);
        let result = boxed.run_with(&runtime, spec, |_| ()).await;
        if let Ok(output) = result {
            assert_eq!(output.upper_entries(), ["etc"], "{place}");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{place}");
    }
}

#[tokio::test]
async fn privileged_injected_files_never_touch_the_upper() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let host = boxed.dir.path().join("ca.pem");
    fs::write(&host, "certificate").unwrap();
    let script = "cat /etc/hosts /run/secrets/token /etc/ca.pem; stat -c '%u:%g %a' /run/secrets/token; \
                  echo x > /etc/hosts; rm -f /etc/hosts; cat /run/secrets/token | wc -c";
    let output = boxed
        .run_with(&runtime, boxed.spec(&["sh", "-c", script]), |request| {
            request.files = vec![
                file("/etc/hosts", "127.0.0.1 localhost\n", (0, 0), 0o644),
                file("/run/secrets/token", "hush\n", (1000, 1000), 0o400),
                InjectedFile {
                    source: FileSource::Host(host.clone()),
                    ..file("/etc/ca.pem", "", (0, 0), 0o644)
                },
            ];
        })
        .await
        .unwrap();
    assert_eq!(
        output.stdout, "127.0.0.1 localhost\nhush\ncertificate1000:1000 400\n5\n",
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("Read-only file system"), "{}", output.stderr);
    let created = ["/run", "/run/secrets", "/run/secrets/token", "/etc/ca.pem"].map(PathBuf::from);
    assert_eq!(output.exit.created, created);
    assert_eq!(fs::metadata(output.upper.join("run/secrets/token")).unwrap().len(), 0);
    assert_eq!(fs::metadata(output.upper.join("etc/ca.pem")).unwrap().len(), 0);
    assert!(!output.upper.join("etc/hosts").exists());
}

#[tokio::test]
async fn privileged_read_only_root() {
    let Some(boxed) = fixture() else { return };
    let mut spec = boxed.spec(&["sh", "-c", "echo x > /new; echo y > /tmpfs/new && cat /tmpfs/new; pwd"]);
    spec.root_mut().as_mut().unwrap().set_readonly(Some(true));
    add_mount(&mut spec, "/tmpfs", "tmpfs", None, &[]);
    spec.process_mut().as_mut().unwrap().set_cwd("/made".into());
    let output = boxed.run_with(&native(), spec, |_| ()).await.unwrap();
    assert_eq!(output.stdout, "y\n/made\n", "{}", output.stderr);
    assert!(output.stderr.contains("/new: Read-only file system"), "{}", output.stderr);
}

#[tokio::test]
async fn privileged_many_layers_with_long_paths_and_a_bound_root() {
    let Some(boxed) = fixture() else { return };
    let runtime = native();
    let deep = boxed.dir.path().join("long-".repeat(40)).join("longer-".repeat(30));
    let mut layers: Vec<PathBuf> =
        (0..60).map(|index| deep.join(format!("layer,with:odd\\name {index}"))).collect();
    for (index, layer) in layers.iter().enumerate() {
        fs::create_dir_all(layer).unwrap();
        fs::write(layer.join("top"), index.to_string()).unwrap();
    }
    layers.push(boxed.lower());
    let output = boxed
        .run_with(&runtime, boxed.spec(&["cat", "/top"]), |request| {
            let Rootfs::Overlay { lowers, .. } = &mut request.rootfs else { panic!() };
            *lowers = layers;
        })
        .await
        .unwrap();
    assert_eq!(output.stdout, "0");

    let bound = boxed.lower();
    let output = boxed
        .run_with(&runtime, boxed.spec(&["touch", "/tmp/direct"]), |request| {
            request.rootfs = Rootfs::Bind(bound)
        })
        .await
        .unwrap();
    assert!(output.exit.status.success());
    assert!(boxed.lower().join("tmp/direct").exists());
}

#[tokio::test]
async fn privileged_limits_and_kernel_parameters() {
    use oci_spec::runtime::{PosixRlimitBuilder, PosixRlimitType};
    let Some(boxed) = fixture() else { return };
    let mut spec = boxed.spec(&[
        "sh",
        "-c",
        "ulimit -n; cat /proc/sys/net/ipv4/ip_default_ttl /proc/self/oom_score_adj",
    ]);
    let limit = PosixRlimitBuilder::default().typ(PosixRlimitType::RlimitNofile).soft(77_u64).hard(99_u64);
    let process = spec.process_mut().as_mut().unwrap();
    process.set_rlimits(Some(vec![limit.build().unwrap()])).set_oom_score_adj(Some(321));
    let sysctl = [("net.ipv4.ip_default_ttl".to_owned(), "33".to_owned())].into();
    spec.linux_mut().as_mut().unwrap().set_sysctl(Some(sysctl));
    let output = boxed.run_with(&native(), spec, |_| ()).await.unwrap();
    assert_eq!(output.stdout, "77\n33\n321\n", "{}", output.stderr);
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "tells the reader of the test's output")]
async fn privileged_numbers_of_processes_are_bounded() {
    let Some(boxed) = fixture() else { return };
    if !kukri_sandbox::spec::pid_max_is_of_the_namespace() {
        eprintln!("skipped: before Linux 6.14 the bound is the machine's");
        return;
    }
    let before = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap();
    let script = "n=0; while [ $n -lt 500 ]; do sleep 60 & n=$((n+1)); done";
    let mut spec = boxed.spec(&["sh", "-c", script]);
    kukri_sandbox::spec::bound_pid_numbers(&mut spec, 320);
    let output = boxed.run_with(&native(), spec, |_| ()).await.unwrap();
    assert!(output.stderr.contains("fork"), "{}", output.stderr);
    assert_ne!(output.exit.status, ExitStatus::Code(0));
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap(), before, "the machine's stays");
}
