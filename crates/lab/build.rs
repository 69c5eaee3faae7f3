//! Tells the lab which compiler and which commit it was built from, for every result carries them.

use std::process::Command;

fn main() {
    // A change to any of these may change the answer.
    for path in ["../../.git/HEAD", "../../.git/index", "../../crates", "../../Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let output = |program: &str, arguments: &[&str]| {
        let output =
            Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = output(&rustc, &["--version"]).unwrap_or_default();
    let commit = output("git", &["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let clean =
        output("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| text.is_empty());
    println!("cargo:rustc-env=LAB_RUSTC={rustc}");
    println!("cargo:rustc-env=LAB_GIT_COMMIT={commit}");
    println!("cargo:rustc-env=LAB_GIT_CLEAN={clean}");
    println!("cargo:rustc-env=LAB_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
}
