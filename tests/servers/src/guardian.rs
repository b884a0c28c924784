//! A shell that starts a server, and stops it when nobody holds the other end of its input any more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// Reads commands, a line each, and answers with a line each. `$1` is a folder of its own, `$2` the signal that makes an end
/// without any tidying up, and the rest is the server. At the end of the input it stops the server and removes the folder.
const SCRIPT: &str = r#"
folder=$1 crash=$2
shift 2
while read -r command; do
    case $command in
        start) "$@" >>"$folder/log" 2>&1 </dev/null & pid=$!; echo "$pid" ;;
        crash) kill -s "$crash" "$pid"; wait "$pid"; echo crashed ;;
    esac
done
kill -s INT "$pid" 2>/dev/null
wait
rm -rf "$folder"
"#;

/// Ends the server when it is dropped, and also when this process is killed: its input is closed then.
pub(crate) struct Guardian {
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    shell: Child,
}

impl Guardian {
    /// `shell` is to run `sh`, as whoever is to run the server; `server` is what it runs.
    pub(crate) fn new(mut shell: Command, folder: &str, crash: &str, server: &[String]) -> Self {
        let mut shell = shell
            .args(["-c", SCRIPT, "guardian", folder, crash])
            .args(server)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let pipes = shell.stdin.take().zip(shell.stdout.take().map(BufReader::new));
        Guardian { pipes: Mutex::new(pipes), shell }
    }

    /// Starts the server, and gives its process id.
    pub(crate) fn start(&self) -> u32 {
        self.command("start").parse().expect("a process id")
    }

    /// Ends the server in the middle of whatever it does.
    pub(crate) fn crash(&self) {
        self.command("crash");
    }

    fn command(&self, command: &str) -> String {
        let mut pipes = self.pipes.lock().expect("no command has failed");
        let (input, output) = pipes.as_mut().expect("it is not dropped");
        writeln!(input, "{command}").expect("the guardian lives");
        let mut answer = String::new();
        output.read_line(&mut answer).expect("the guardian answers");
        answer.trim().into()
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // A test that panics in a command has poisoned the lock, and the server is to be stopped nevertheless.
        self.pipes.clear_poison();
        drop(self.pipes.lock().map(|mut pipes| pipes.take()));
        let _ = self.shell.wait();
    }
}
