//! Connections that block their thread, where the setting says so.

#[path = "../../../tests/support/mod.rs"]
mod support;

mod commands;

use std::fs;
use std::time::Duration;

use commands::{connect, name, server};
use mixio::{Io, in_coroutine};
use redis::Commands;
use support::{assert_success, output_within};

fn run(test: fn()) {
    Io::Blocking.set();
    mixio_tokio::run(move || {
        assert!(!in_coroutine());
        test()
    })
}

all_commands_in_this_setting!();

/// By the environment, in a process of its own: neither a runtime nor a thread.
#[test]
fn no_runtime_at_all() {
    const TEST: &str = "no_runtime_at_all";
    if support::is_child(TEST) {
        let threads = || fs::read_dir("/proc/self/task").unwrap().count();
        let before = threads();
        assert_eq!(Io::current(), Io::Blocking);
        for url in [server().url(), server().unix_url()] {
            let mut connection = mixio_redis::connect(url).unwrap();
            let _: () = connection.set(name(), 1).unwrap();
            assert_eq!(connection.blpop(name(), 0.01), Ok(None::<(String, String)>));
        }
        drop(connect());
        assert!(tokio::runtime::Handle::try_current().is_err());
        assert_eq!(threads(), before);
        println!("it was done");
        return;
    }
    let mut command = support::limited("ulimit -c 0");
    command.args(support::runner()).arg(std::env::current_exe().unwrap());
    command.args(support::child_arguments(TEST)).envs(support::child_environment(TEST)).env("MIXIO", "blocking");
    let output = output_within(command, Duration::from_secs(120));
    assert_success(&output);
    assert!(String::from_utf8_lossy(&output.stdout).contains("it was done"));
}
