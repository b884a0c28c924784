//! Sockets of std's, where the setting says so.

#[path = "../../../tests/support/mod.rs"]
mod support;

mod sockets;

use std::fs;
use std::time::Duration;

use mixio::{Io, in_coroutine};
use mixio_tokio::net::{TcpListener, TcpStream, UnixStream};
use mixio_tokio::{thread, time};
use sockets::talk;
use support::{assert_success, output_within};

fn run(test: fn()) {
    Io::Blocking.set();
    mixio_tokio::run(move || {
        assert!(!in_coroutine());
        test()
    })
}

all_sockets_in_this_setting!();

/// By the environment, in a process of its own: no thread but those that the program spawns, and no runtime.
#[test]
fn no_runtime_at_all() {
    const TEST: &str = "no_runtime_at_all";
    let threads = || fs::read_dir("/proc/self/task").unwrap().count();
    if support::is_child(TEST) {
        let before = threads();
        mixio_tokio::run(move || {
            assert_eq!(Io::current(), Io::Blocking);
            let listener = TcpListener::bind("localhost:0").unwrap();
            let client = TcpStream::connect(("localhost", listener.local_addr().unwrap().port())).unwrap();
            let (server, _) = listener.accept().unwrap();
            drop(UnixStream::pair().unwrap());
            time::sleep(Duration::from_millis(1));
            client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            assert!(client.peek(&mut [0]).is_err());
            assert_eq!(threads(), before);
            assert!(tokio::runtime::Handle::try_current().is_err());

            client.set_read_timeout(None).unwrap();
            let echo = thread::spawn(|| sockets::echo(server));
            talk(&client, &["one"]).unwrap();
            assert_eq!(threads(), before + 1);
            drop(client);
            echo.join().unwrap().unwrap();
        });
        println!("it was done");
        return;
    }
    let output = child(TEST, "blocking");
    assert_success(&output);
    assert!(String::from_utf8_lossy(&output.stdout).contains("it was done"));
}

#[test]
fn a_bad_setting() {
    const TEST: &str = "a_bad_setting";
    if support::is_child(TEST) {
        mixio_tokio::run(|| ());
        return;
    }
    let output = child(TEST, "fast");
    assert!(!output.status.success());
    let stderr = support::stderr(&output);
    let sentence = "the environment variable MIXIO: \"fast\" is neither \"async\" nor \"blocking\"";
    assert!(stderr.contains(sentence), "{stderr}");
}

/// Runs only this test in a process of its own, with that setting.
fn child(test: &str, setting: &str) -> std::process::Output {
    let mut command = support::limited("ulimit -c 0");
    command.args(support::runner()).arg(std::env::current_exe().unwrap());
    command.args(support::child_arguments(test)).envs(support::child_environment(test)).env("MIXIO", setting);
    output_within(command, Duration::from_secs(120))
}
