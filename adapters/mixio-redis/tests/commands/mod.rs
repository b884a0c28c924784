//! What holds for connections in either setting: each test is one function, run by `asynchronous.rs` and by `blocking.rs`.

pub(crate) mod basics;
pub(crate) mod confirmations;
pub(crate) mod connecting;
pub(crate) mod failures;
pub(crate) mod pub_sub;
pub(crate) mod timeouts;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use mixio_redis::Connection;
use mixio_test_servers::Redis;

/// Makes a test of each function, which the macro's user runs by a function `run`.
#[macro_export]
macro_rules! in_this_setting {
    ($($module:ident: $($test:ident),* $(,)?;)*) => {
        $(mod $module { $(#[test] fn $test() { $crate::run($crate::commands::$module::$test); })* })*
    };
}

/// The tests of this folder.
#[macro_export]
macro_rules! all_commands_in_this_setting {
    () => {
        $crate::in_this_setting! {
            basics: values, large, errors, pipelines, transactions, contended, refused_transactions, scripts, iterators,
                resp3, monitor;
            connecting: databases, passwords, unix, refused, not_supported, bad_urls, silent, no_such_name;
            timeouts: late_reply, late_replies_of_a_pipeline, in_time, zero;
            failures: killed, crashed, nonsense, half_a_reply;
            pub_sub: channels, patterns, several_at_once, back_to_commands, timeout, forgotten, closures, killed, ping;
            confirmations: refused_after_several, from_all, given_up, refused_late, late_error;
        }
    };
}

/// The server for all tests that leave it as it is.
pub(crate) fn server() -> &'static Redis {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    SERVER.get_or_init(Redis::start)
}

pub(crate) fn connect() -> Connection {
    mixio_redis::connect(server().url()).unwrap()
}

/// One for each version of the protocol.
pub(crate) fn of_each_protocol() -> [Connection; 2] {
    [connect(), mixio_redis::connect(format!("{}?protocol=resp3", server().url())).unwrap()]
}

/// A name that no other test uses.
pub(crate) fn name() -> String {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    format!("name {}", NAMES.fetch_add(1, Ordering::Relaxed))
}
