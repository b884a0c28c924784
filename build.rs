//! Names the file in `arch/` for this target, or refuses the target in one sentence. Sees whether a sanitizer is on.

use std::env;

/// The architectures with a file in `arch/`.
const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];

/// The sanitizers that keep a second stack of their own, which nobody switches.
const SECOND_STACKS: [&str; 2] = ["safestack", "shadow-call-stack"];

/// The sanitizers that are told about switches: see `src/tools/`.
const SANITIZERS: [&str; 2] = ["address", "thread"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let list = ARCHITECTURES.map(|name| format!("\"{name}\"")).join(", ");
    println!("cargo::rustc-check-cfg=cfg(mixio_arch, values({list}))");

    let list = SANITIZERS.map(|name| format!("\"{name}\"")).join(", ");
    println!("cargo::rustc-check-cfg=cfg(mixio_sanitizer, values({list}))");
    // Set by Cargo where the compiler was given `-Zsanitizer`. (`cfg(sanitize)` itself is unstable.)
    let sanitizers = env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    if let Some(sanitizer) = sanitizers.split(',').find(|name| SANITIZERS.contains(name)) {
        println!("cargo::rustc-cfg=mixio_sanitizer=\"{sanitizer}\"");
    }

    if let Some(sanitizer) = sanitizers.split(',').find(|name| SECOND_STACKS.contains(name)) {
        println!(
            "cargo::error=mixio cannot switch stacks with -Zsanitizer={sanitizer}, which keeps a second stack of its own \
             for each thread: build without it"
        );
    }

    // What Cargo always sets for a build script; were it unset, the target would be refused, which is right too.
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let (architecture, system, width) = (target("ARCH"), target("OS"), target("POINTER_WIDTH"));
    let family = target("FAMILY");

    let known = ARCHITECTURES.contains(&architecture.as_str()) && width == "64";
    let systems = family.split(',').any(|name| name == "unix") || system == "none";
    if known && systems {
        println!("cargo::rustc-cfg=mixio_arch=\"{architecture}\"");
    } else {
        println!(
            "cargo::error=mixio cannot switch stacks on {architecture} ({width}-bit) with {system}: it supports the \
             64-bit architectures {} on Unix-like systems (ELF and Mach-O) and on bare metal; arch/README.md says how \
             to add one",
            ARCHITECTURES.join(" and ")
        );
    }
}
