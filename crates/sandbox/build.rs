//! Builds the container's init: a program without any library, for the target this crate is built for.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let output = PathBuf::from(variable("OUT_DIR")).join("kukri-init");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition=2024", "--crate-name=kukri_init", "--crate-type=bin", "--target"])
        .arg(variable("TARGET"))
        .args(["-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols", "-Crelocation-model=static"])
        .args(["-Ctarget-feature=+crt-static", "-Cdefault-linker-libraries=no"])
        .args([
            "-Clink-arg=-nostartfiles",
            "-Clink-arg=-nostdlib",
            "-Clink-arg=-static",
            "-Clink-arg=-no-pie",
        ])
        .args(["-Clink-arg=-Wl,--build-id=none,-z,noexecstack,-z,norelro,--gc-sections"])
        .arg("-o")
        .arg(&output)
        .arg("init/main.rs");
    if variable("TARGET").ends_with("musl") {
        // Or the C library's start files come along. Elsewhere this would also switch off rustc's own linker.
        rustc.arg("-Clink-self-contained=no");
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    for path in
        ["init/main.rs", "src/native/exec.rs", "src/native/report.rs", "src/native/sys.rs", "build.rs"]
    {
        println!("cargo::rerun-if-changed={path}");
    }
    let status = rustc.status().expect("rustc starts");
    assert!(status.success(), "building the container's init failed: {status}");
}
