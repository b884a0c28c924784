//! Times: `compare [--quick] [--json FILE] [PART OF A WORK'S NAME OR ITS TOPIC]...`

use std::process::ExitCode;

use mixio_benches::bars;
use mixio_benches::compare::{Effort, compare};
use mixio_benches::report::table;
use mixio_benches::works;

fn main() -> ExitCode {
    let (mut effort, mut many) = (Effort::FULL, &works::MANY[..]);
    let (mut file, mut wanted) = (None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--quick" => (effort, many) = (Effort::QUICK, &works::MANY_QUICK[..]),
            "--json" => file = arguments.next(),
            _ => wanted.push(argument),
        }
    }
    let mut times = Vec::new();
    for work in works::all(many) {
        if wanted.is_empty() || wanted.iter().any(|part| work.name.contains(&**part) || work.topic == part) {
            let timed = compare(&work, effort);
            println!("{}", table::times(&timed));
            times.push(timed);
        }
    }
    println!("{}", table::bars(&bars::judge(&times)));
    let Some(file) = file else { return ExitCode::SUCCESS };
    match serde_json::to_string(&times).map_err(Into::into).and_then(|json| std::fs::write(&file, json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}
