//! Counts of instructions, as JSON to the standard output: `instructions`.
//!
//! It calls itself, under valgrind, with `WORK CONTESTANT OPERATIONS`: so can you, under the tool of your choice.

use std::process::ExitCode;

use mixio_benches::instructions;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => println!("{}", serde_json::to_string(&instructions::all()).expect("it is plain data")),
        [work, contestant, operations] => {
            instructions::run(work, contestant, operations.parse().expect("a number"));
        }
        _ => {
            eprintln!("usage: instructions [WORK CONTESTANT OPERATIONS]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
