//! A shell that starts a server, and stops it when nobody holds the other end of its input any more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// Reads commands, a line each, and answers with a line each. `$1` is a folder of its own, `$2` the signal that makes an end
/// without any tidying up, `$3` the one by which the server is stopped, and the rest is the server. At the end of the input it stops
/// the server and removes the folder.
///
/// A server that is stopped by `KILL` can't end its children. If it leads a session then they are ended with it: of
/// `/proc/PID/stat`, what follows the name is the state, two other numbers and the session.
const SCRIPT: &str = r#"
folder=$1 crash=$2 stop=$3
shift 3
trap : INT HUP TERM
sweep() {
    [ "$stop" = KILL ] || return 0
    left=yes
    while [ "$left" ]; do
        left=
        for stat in /proc/[0-9]*/stat; do
            { read -r line <"$stat"; } 2>/dev/null || continue
            set -- ${line##*) }
            [ "$4" = "$pid" ] && [ "$1" != Z ] || continue
            left=yes child=${stat#/proc/}
            kill -s KILL "${child%/stat}" 2>/dev/null
        done
    done
}
while read -r command; do
    case $command in
        start) "$@" >>"$folder/log" 2>&1 </dev/null & pid=$!; echo "$pid" ;;
        crash) kill -s "$crash" "$pid"; { wait "$pid"; } 2>/dev/null; sweep; echo crashed ;;
    esac
done
kill -s "$stop" "$pid" 2>/dev/null
wait
sweep
rm -rf "$folder"
"#;

/// Ends the server when it is dropped, and also when this process is killed: its input is closed then.
pub(crate) struct Guardian {
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    shell: Child,
}

impl Guardian {
    /// `shell` is to run `sh`, as whoever is to run the server; `server` is what it runs. The signals are that for a crash and that
    /// for an orderly end.
    pub(crate) fn new(mut shell: Command, folder: &str, (crash, stop): (&str, &str), server: &[String]) -> Self {
        let mut shell = shell
            .args(["-c", SCRIPT, "guardian", folder, crash, stop])
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
