//! What a debugger makes of a stack.

use std::env;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{child_arguments, child_environment, emulator, end, is_child, on_drop, output_within, stderr};

/// What gdb prints for `backtrace` when `body` first calls the function that is named `breakpoint`.
///
/// It debugs another process of this program, which runs the same test, and there `body`.
pub(crate) fn by_gdb(breakpoint: &str, test: &str, body: impl FnOnce()) -> String {
    const LIMIT: Duration = Duration::from_secs(120);
    if is_child(test) {
        body();
        std::process::exit(0);
    }
    // Under valgrind, gdb can't look at the program: it runs it by itself.
    let runner = emulator();
    let debugger = if runner.is_empty() { "gdb" } else { "gdb-multiarch" };
    if let Err(error) = Command::new(debugger).arg("--version").output() {
        panic!("cannot run {debugger}, which is in the Debian package of that name: {error}");
    }
    let program = env::current_exe().unwrap();
    let mut gdb = Command::new(debugger);
    gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "set width 0"]);
    // The function may be in a library that is not there yet.
    gdb.args(["-ex", "set breakpoint pending on", "-ex", &format!("break {breakpoint}")]);
    gdb.envs(child_environment(test));
    let _emulator = if let [emulator, arguments @ ..] = &runner[..] {
        // The emulator serves gdb at a socket, and waits for it before the program starts.
        let socket = env::temp_dir().join(format!("mixio-{}-{test}", std::process::id()));
        let mut command = Command::new(emulator);
        command.args(arguments).arg("-g").arg(&socket).arg(&program).args(child_arguments(test));
        command.envs(child_environment(test));
        let mut emulator = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let at_the_end = socket.clone();
        let guard = on_drop(move || {
            end(&mut emulator);
            drop(std::fs::remove_file(at_the_end));
        });
        let start = Instant::now();
        while !socket.exists() {
            assert!(start.elapsed() < LIMIT, "{command:?} doesn't open its socket");
            thread::sleep(Duration::from_millis(5));
        }
        gdb.args(["-iex", "set sysroot /", "-ex", &format!("target remote {}", socket.display()), "-ex", "continue"]);
        Some(guard)
    } else {
        gdb.args(["-ex", "run"]);
        None
    };
    gdb.args(["-ex", "backtrace", "-ex", "kill", "--args"]).arg(&program).args(child_arguments(test));
    let output = output_within(gdb, LIMIT);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("Breakpoint 1, "), "gdb did not get to the breakpoint: {text}{}", stderr(&output));
    // That is what it says where the frames make no sense to it.
    let stopped = stderr(&output).contains("Backtrace stopped") || text.contains("Backtrace stopped");
    assert!(!stopped, "{text}{}", stderr(&output));
    text
}
