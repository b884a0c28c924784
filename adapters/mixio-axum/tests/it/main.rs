//! Plain functions behind real servers on the loopback, asked by clients on plain sockets.

mod clients;
mod extractors;
mod failures;
mod host;
#[path = "../../../../tests/support/http.rs"]
mod http;
mod many;
mod stopping;
