//! What holds for requests in either setting: each test is one function, run by `asynchronous.rs` and by `blocking.rs`.

pub(crate) mod basics;
pub(crate) mod breaks;
pub(crate) mod pool;
pub(crate) mod proxies;
pub(crate) mod timeouts;
pub(crate) mod tls;

use ureq::Agent;

/// Makes a test of each function, which the macro's user runs by a function `run`.
#[macro_export]
macro_rules! in_this_setting {
    ($($module:ident: $($test:ident),* $(,)?;)*) => {
        $(mod $module { $(#[test] fn $test() { $crate::run($crate::requests::$module::$test); })* })*
    };
}

/// The tests of this folder.
#[macro_export]
macro_rules! all_requests_in_this_setting {
    () => {
        $crate::in_this_setting! {
            basics: get, post, chunked, streamed, failing_body, in_pieces, compressed, large, redirects, bad_status, expects_continue, names, no_such_name,
                refused, several_addresses;
            pool: keep_alive, unread, closed_by_the_server, said_something_unasked, shut_down, shut_down_while_idle;
            timeouts: connect, connect_handshake, response, body, upload, global, per_call, per_read, per_write,
                drop_by_drop, drop_by_drop_upload, next_to_nothing, in_time;
            breaks: before_the_answer, in_the_headers, in_the_body, in_a_chunk, reset, nonsense;
            tls: https, untrusted, another_name, large, broken_off;
            proxies: http, https, excepted, refusing, silent, socks;
        }
    };
}

/// What an agent gets.
pub(crate) fn get(agent: &Agent, url: &str) -> Result<String, ureq::Error> {
    agent.get(url).call()?.body_mut().read_to_string()
}

/// Something different everywhere.
pub(crate) fn plenty() -> Vec<u8> {
    (0..8 << 20).map(|n: u32| (n % 251) as u8).collect()
}
