//! Makes tests of the examples in Diesel's documentation. They are read from the source of the very version that is
//! compiled, and nothing of them is changed: `use mixio_diesel::..` in front of each is what names the connection.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Whose examples need libpq, SQLite's or MySQL's C interface, or another pool.
const FOREIGN: &[&str] = &["mysql/", "pg/connection/", "pg/query_builder/copy/", "r2d2.rs", "sqlite/connection/"];

/// What isn't for us, by file and the line at which it begins, and why.
const EXCLUDED: &[(&str, usize, &str)] = &[
    ("pg/expression/array_comparison.rs", 15, "what it imports is behind Diesel's feature `postgres`, libpq"),
    ("pg/expression/array_comparison.rs", 44, "what it imports is behind Diesel's feature `postgres`, libpq"),
];

/// As well, on SQLite.
const NOT_FOR_SQLITE: &[(&str, usize, &str)] = &[("query_dsl/mod.rs", 138, "it is for PostgreSQL alone")];

fn main() {
    let source = diesel();
    println!("cargo::rerun-if-changed=../build.rs");
    let postgres = env::var_os("CARGO_FEATURE_POSTGRES").is_some();
    let connection = if postgres { "PgConnection" } else { "SqliteConnection" };
    let mut tests = String::new();
    let mut count = 0;
    for path in sources(&source) {
        let file = path.strip_prefix(&source).unwrap().to_str().unwrap();
        let other_excluded = if postgres { &[][..] } else { NOT_FOR_SQLITE };
        let other = if postgres { "sqlite/" } else { "pg/" };
        if file.starts_with(other) || FOREIGN.iter().any(|foreign| file.starts_with(foreign)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        for (line, example) in examples(&text) {
            if !is_ours(&example)
                || EXCLUDED.iter().chain(other_excluded).any(|excluded| (excluded.0, excluded.1) == (file, line))
            {
                continue;
            }
            let name = file.trim_end_matches(".rs").replace('/', "_");
            let example = absolute(&example, &source);
            count += 1;
            writeln!(
                tests,
                "mod {name}_{line} {{\nuse mixio_diesel::{connection};\n{example}\n\
                 #[test] fn example() {{ crate::run(|| crate::ends_well(main())); }}\n}}"
            )
            .unwrap();
        }
    }
    // 278 and 190 in Diesel 2.3.14. Nothing would fail if there was nothing.
    assert!(count > if postgres { 250 } else { 170 }, "there are only {count} examples for {connection}");
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap()).join("examples.rs"), tests).unwrap();
}

/// The folder with Diesel's sources.
fn diesel() -> PathBuf {
    // What is compiled has been downloaded; but Cargo wants to see the rest of the workspace's dependencies as well, and those
    // may not be here yet.
    let metadata = metadata(&["--offline"]).or_else(|_| metadata(&[])).unwrap_or_else(|error| panic!("{error}"));
    let package = metadata.find("\"name\":\"diesel\",\"version\"").expect("Diesel is a dependency");
    let path = metadata[package..].split("\"manifest_path\":\"").nth(1).and_then(|rest| rest.split('"').next());
    Path::new(path.expect("it has a manifest")).with_file_name("src")
}

/// What Cargo knows of the workspace and its dependencies.
fn metadata(options: &[&str]) -> Result<String, String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap());
    cargo.args(["metadata", "--format-version=1", "--locked", "--filter-platform", &env::var("TARGET").unwrap()]);
    let output = cargo.args(options).output().expect("cargo can be run");
    if !output.status.success() {
        return Err(format!("{cargo:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8(output.stdout).expect("it prints UTF-8"))
}

/// All source files in a folder and below, in order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let deep = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    let files = paths.into_iter().flat_map(deep);
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The examples in a source, with the line of each.
fn examples(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut example: Option<(usize, bool, String)> = None;
    for (number, line) in source.lines().enumerate() {
        let line = line.trim_start();
        let Some(text) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            example = None;
            continue;
        };
        let text = text.strip_prefix(' ').unwrap_or(text);
        match (&mut example, text.trim().strip_prefix("```")) {
            (None, Some(kind)) => example = Some((number + 1, matches!(kind, "" | "rust"), String::new())),
            (Some(_), Some(_)) => {
                let (line, is_run, text) = example.take().expect("it was there");
                if is_run {
                    found.push((line, text));
                }
            }
            (Some((_, _, example)), None) => {
                // What rustdoc hides.
                let hidden =
                    text.trim_start().strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with(' '));
                *example += hidden.unwrap_or(text);
                *example += "\n";
            }
            (None, None) => {}
        }
    }
    found
}

/// Whether it has a connection, and can be a module rather than a program.
fn is_ours(example: &str) -> bool {
    example.contains("doctest_setup.rs")
        && example.contains("fn main()")
        && !["extern crate", "crate::", "#!["].iter().any(|alone| example.contains(alone))
}

/// With the path of what all examples include.
fn absolute(example: &str, source: &Path) -> String {
    let setup = format!("include!({:?})", source.join("doctest_setup.rs"));
    let mut text = String::new();
    for line in example.lines() {
        let included = line.trim_start().starts_with("include!(\"") && line.contains("doctest_setup.rs");
        text += if included { &setup } else { line };
        text += if included { ";\n" } else { "\n" };
    }
    text
}
