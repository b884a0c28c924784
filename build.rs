//! Names the file in `arch/` for this target, or refuses the target in one sentence.

use std::env;

/// The architectures with a file in `arch/`.
const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let list = ARCHITECTURES.map(|name| format!("\"{name}\"")).join(", ");
    println!("cargo::rustc-check-cfg=cfg(mixio_arch, values({list}))");

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
