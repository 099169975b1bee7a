//! Builds the container's init: a program without any library, for the target this crate is built for.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    for path in
        ["init/main.rs", "src/native/exec.rs", "src/native/report.rs", "src/native/sys.rs", "build.rs"]
    {
        println!("cargo::rerun-if-changed={path}");
    }
    let mut with_lld = rustc();
    with_lld
        .args(["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Clink-self-contained=no"])
        .args(["-Clink-args=-static --gc-sections --build-id=none -z noexecstack -z norelro"]);
    // The linker that comes with rustup links for any target. Other toolchains lack it, and have a C compiler.
    if with_lld.output().is_ok_and(|output| output.status.success()) {
        return;
    }
    let mut with_cc = rustc();
    with_cc.args(["-Cdefault-linker-libraries=no", "-Clink-args=-nostartfiles -nostdlib -static -no-pie"]);
    with_cc.arg("-Clink-arg=-Wl,--build-id=none,-z,noexecstack,-z,norelro,--gc-sections");
    if variable("TARGET").to_string_lossy().ends_with("musl") {
        // Or the C library's start files come along. Elsewhere this would also switch off rustc's own linker.
        with_cc.arg("-Clink-self-contained=no");
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        with_cc.arg(format!("-Clinker={linker}"));
    }
    let status = with_cc.status().expect("rustc starts");
    assert!(status.success(), "building the container's init failed: {status}");
}

/// The compiler with what does not depend on the linker.
fn rustc() -> Command {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition=2024", "--crate-name=kukri_init", "--crate-type=bin", "--target"])
        .arg(variable("TARGET"))
        .args(["-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols", "-Crelocation-model=static"])
        .args(["-Ctarget-feature=+crt-static", "-o"])
        .arg(PathBuf::from(variable("OUT_DIR")).join("kukri-init"))
        .arg("init/main.rs");
    rustc
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"))
}
