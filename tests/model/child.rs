//! Programs run in a child process, which may crash: then the parent knows which it was.

use std::env;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output, exit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::machine;
use crate::program::{self, Op};
use crate::shrink::shortest;
use crate::support::{child_arguments, child_environment, is_child, limited, output_within, runner, stderr};

const STEPS: &str = "MIXIO_FUZZ_STEPS";
const SEED: &str = "MIXIO_FUZZ_SEED";
const ONLY: &str = "MIXIO_FUZZ_ONLY";

/// Comes before the seed of each program that begins.
const MARK: &str = "program ";

/// What the environment says.
pub(crate) struct Settings {
    /// How many steps, at least.
    pub(crate) steps: usize,
    /// The first program.
    pub(crate) seed: u64,
    /// The operations to be done of it; all, and of the following ones too, if it isn't set.
    only: Option<Vec<usize>>,
}

impl Settings {
    fn get() -> Self {
        let number = |name| env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")));
        let only = env::var(ONLY).ok().map(|list| {
            let numbers = list.split(',').filter(|number| !number.is_empty());
            numbers.map(|number| number.parse().unwrap_or_else(|_| panic!("{ONLY}={list}"))).collect()
        });
        Settings { steps: number(STEPS).unwrap_or(20_000) as usize, seed: number(SEED).unwrap_or(0), only }
    }

    /// The one program to be run, if there is to be one only.
    pub(crate) fn only_program(&self) -> Option<Vec<Op>> {
        self.only.as_ref().map(|only| select(&program::generate(self.seed), only))
    }
}

/// Some of the operations.
fn select(ops: &[Op], only: &[usize]) -> Vec<Op> {
    only.iter().filter_map(|index| ops.get(*index).copied()).collect()
}

/// Runs `body` in a child process of the test with this name, and looks for the shortest program that fails if it does.
pub(crate) fn main(test: &str, body: impl FnOnce(&Settings)) {
    let settings = Settings::get();
    if is_child(test) {
        machine::silence();
        thread::spawn(watch);
        body(&settings);
        exit(0);
    }
    let output = run(test, &[], Duration::from_secs(1200)).expect("a batch of programs takes less than twenty minutes");
    print!("{}", said(&output));
    if output.status.success() {
        return;
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    let seed = stdout.rsplit(MARK).next().and_then(|rest| rest.split_whitespace().next());
    let seed: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or(settings.seed);
    panic!("{}\n{}", failure(&output), report(seed, settings.only));
}

/// How many programs have begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// A program takes milliseconds; but many times that under an emulator on a machine that is busy.
const LONGEST: Duration = Duration::from_secs(120);

/// Ends the process if no program begins for long: one hangs.
fn watch() {
    let mut before = 0;
    loop {
        thread::sleep(LONGEST);
        let begun = BEGUN.load(Ordering::Relaxed);
        if begun == before {
            fail("it hangs");
        }
        before = begun;
    }
}

/// Tells the parent which program begins.
pub(crate) fn say(seed: u64) {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    println!("{MARK}{seed}");
}

/// Tells the parent what is wrong.
pub(crate) fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(1);
}

/// Runs a test as a child. `None` if it takes too long.
fn run(test: &str, environment: &[(&str, String)], limit: Duration) -> Option<Output> {
    let mut command: Command = limited("ulimit -c 0");
    // Programs leak stacks, with what is on them and the pools that they are of: as documented, and counted.
    let sanitizer = env::var("ASAN_OPTIONS").unwrap_or_default();
    command.env("ASAN_OPTIONS", format!("{sanitizer}:detect_leaks=0"));
    command.args(runner()).arg(env::current_exe().expect("a test knows where it is"));
    command.args(child_arguments(test)).envs(child_environment(test));
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    catch_unwind(AssertUnwindSafe(|| output_within(command, limit))).ok()
}

/// What a child has said, but for what mixio says of each coroutine that it leaks.
fn said(output: &Output) -> String {
    let stderr = stderr(output);
    stderr.split_inclusive('\n').filter(|line| !line.starts_with("mixio: ")).collect()
}

/// How a child has ended, and the last that it has said.
fn failure(output: &Output) -> String {
    let stderr = said(output);
    let lines: Vec<_> = stderr.lines().collect();
    format!("{}: {}", output.status, lines[lines.len().saturating_sub(5)..].join("\n"))
}

/// The shortest program that was found to fail, of a seed that does.
fn report(seed: u64, only: Option<Vec<usize>>) -> String {
    let ops = program::generate(seed);
    let attempt = |indices: &[usize]| {
        let list: Vec<_> = indices.iter().map(usize::to_string).collect();
        let environment = [(SEED, seed.to_string()), (ONLY, list.join(","))];
        match run("random_programs", &environment, LONGEST) {
            Some(output) if output.status.success() => None,
            Some(output) => Some(failure(&output)),
            None => Some("it takes too long".to_owned()),
        }
    };
    let all = only.unwrap_or_else(|| (0..ops.len()).collect());
    if attempt(&all).is_none() {
        return format!("the last program to begin was {seed}, which alone does not fail");
    }
    let shortest = shortest(all, |indices| attempt(indices).is_some());
    let failure = attempt(&shortest).unwrap_or_default();
    let list: Vec<_> = shortest.iter().map(usize::to_string).collect();
    let plan = crate::model::plan(&select(&ops, &shortest));
    format!(
        "{SEED}={seed} {ONLY}={} fails: {failure}\nits steps:\n{}\nwhat the model expects of them:\n{}",
        list.join(","),
        lines(&plan.steps),
        lines(&plan.events),
    )
}

/// One on each line.
fn lines<T: Debug>(list: &[T]) -> String {
    list.iter().map(|one| format!("    {one:?}\n")).collect()
}
