//! Memory, as JSON to the standard output: `memory NUMBER LIMIT`, for what so many weigh and how many there can be.
//!
//! It calls itself with `weigh CONTESTANT NUMBER` and `count CONTESTANT LIMIT`.

use std::process::ExitCode;

use mixio_benches::memory;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |argument: &str| argument.parse().expect("a number");
    let json = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["weigh", contestant, count] => serde_json::to_string(&memory::weigh(contestant, number(count))),
        ["count", contestant, limit] => serde_json::to_string(&memory::count(contestant, number(limit))),
        [count, limit] => serde_json::to_string(&memory::all(number(count), number(limit))),
        _ => {
            eprintln!("usage: memory NUMBER LIMIT");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", json.expect("it is plain data"));
    ExitCode::SUCCESS
}
