//! `report TIMES MEMORY INSTRUCTIONS FOLDER`: of what the others have measured, a page, plots, and one file of data.

use std::error::Error;
use std::fs;
use std::path::Path;

use mixio_benches::bars;
use mixio_benches::machine::Machine;
use mixio_benches::report::{page, plots};
use mixio_benches::results::Results;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [times, memory, instructions, folder] = &arguments[..] else {
        return Err("usage: report TIMES MEMORY INSTRUCTIONS FOLDER".into());
    };
    let times: Vec<_> = serde_json::from_slice(&fs::read(times)?)?;
    let memory: Vec<_> = serde_json::from_slice(&fs::read(memory)?)?;
    let instructions = serde_json::from_slice(&fs::read(instructions)?)?;
    let mut judged = bars::judge(&times);
    judged.extend(bars::judge_memory(&memory));
    let results = Results { machine: Machine::here(), bars: judged, times, memory, instructions };

    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), serde_json::to_string_pretty(&results)?)?;
    let plots = plots::draw(&results.times, folder)?;
    fs::write(folder.join("README.md"), page::of(&results, &plots))?;
    Ok(())
}
