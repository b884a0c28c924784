//! Requests that block their thread, where the setting says so.

#[path = "../../../tests/support/mod.rs"]
mod support;

mod requests;
mod server;

use std::fs;
use std::time::Duration;

use mixio::{Io, in_coroutine};
use requests::get;
use requests::tls::{server_config, trusting, url};
use server::{Server, ok};
use support::{assert_success, output_within};

fn run(test: fn()) {
    Io::Blocking.set();
    mixio_tokio::run(move || {
        assert!(!in_coroutine());
        test()
    })
}

all_requests_in_this_setting!();

/// By the environment, in a process of its own: neither a runtime nor a thread.
#[test]
fn no_runtime_at_all() {
    const TEST: &str = "no_runtime_at_all";
    if support::is_child(TEST) {
        let plain = Server::answering(|request| ok(request.path()));
        let secure = Server::tls(server_config(), |request| ok(request.path()));
        let agent = mixio_ureq::agent_with(trusting().timeout_recv_response(Some(Duration::from_secs(100))).build());
        let urls = [plain.url("/plain"), url(&secure, "/secure")];
        // The server has a thread for each connection, which is there from here on.
        urls.iter().for_each(|url| drop(get(&agent, url).unwrap()));
        let threads = || fs::read_dir("/proc/self/task").unwrap().count();
        let before = threads();
        for url in urls {
            assert_eq!(Io::current(), Io::Blocking);
            assert!(url.ends_with(&get(&agent, &url).unwrap()));
            assert!(tokio::runtime::Handle::try_current().is_err());
        }
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
