//! [ureq], the synchronous HTTP client, on sockets that wait without blocking the thread, by [`mixio`].
//!
//! What makes an agent is all that changes. Requests, responses, bodies and errors are ureq's.
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//!
//! use mixio_tokio::net::TcpListener;
//! use mixio_tokio::thread;
//! use ureq::Agent;
//!
//! /// Plain code.
//! fn greeting(agent: &Agent, url: &str) -> Result<String, ureq::Error> {
//!     agent.get(url).call()?.body_mut().read_to_string()
//! }
//!
//! mixio_tokio::run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0").unwrap();
//!     let url = format!("http://{}/", listener.local_addr().unwrap());
//!     thread::spawn(move || {
//!         for stream in listener.incoming() {
//!             let mut request = BufReader::new(stream?);
//!             while request.read_line(&mut String::new())? > 2 {}
//!             request.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")?;
//!         }
//!         Ok::<_, std::io::Error>(())
//!     });
//!
//!     let agent = mixio_ureq::agent(); // was: Agent::new_with_defaults()
//!     assert_eq!(greeting(&agent, &url).unwrap(), "hello");
//! });
//! ```
//!
//! # The setting
//!
//! [`Io::current`](mixio::Io::current) says, for each connection, on what it is opened:
//!
//! | | [`Io::Async`](mixio::Io) | [`Io::Blocking`](mixio::Io) |
//! | --- | --- | --- |
//! | sockets | of tokio's: there must be a runtime | of std's: there is none |
//! | names are looked up | on a thread of tokio's for what blocks | on this thread; if there is a timeout, on one of their own, by ureq |
//! | sending, receiving, TLS handshakes | [wait](mixio::wait) | block |
//!
//! All of ureq's [timeouts](ureq::config::ConfigBuilder#method.timeout_global) hold in either, and give
//! [`Error::Timeout`](ureq::Error::Timeout). What is sent in several steps has one time for all; with ureq's own sockets
//! each step could take the whole.
//!
//! Where a request [can't wait](mixio::WaitError) that is an [`Error::Io`](ureq::Error::Io) around the
//! [`WaitError`](mixio::WaitError): in a task of tokio's that isn't inside of [`mixio::as_async()`], or in a destructor that
//! runs since an [`AsAsync`](mixio::AsAsync) is dropped.
//!
//! # Threads and runtimes
//!
//! An [`Agent`] is `Send` and `Sync`, and one is enough: it keeps connections for the next requests, and any thread may have
//! it. A connection of [`Io::Async`](mixio::Io) moves to the runtime where it is used next, so threads with a runtime each, such
//! as [`mixio_tokio::Workers`], may share an agent, and outlive each other. So does the body of a response, which is `Send`. On
//! a thread without a runtime the rest of a body can be read while the runtime of its connection runs, unless there is a timeout;
//! new requests are an error.
//!
//! # Cancellation
//!
//! A function that is dropped or cancelled in the midst of a request closes its connection. Only a connection whose response
//! has been read to the end is used again. So it is if the server is gone or has said something unasked: ureq asks before
//! each use, and nothing is waited for to find out.
//!
//! [`Agent::shutdown`] wakes whoever waits for a connection, with an error, as with ureq's own.
//!
//! # Stack
//!
//! A request over TLS takes some 120 KiB of stack in a debug build, and 35 KiB in release: the default stacks have 1 MiB and
//! 128 KiB.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! | --- | --- | --- |
//! | `rustls` | yes | `https`, with rustls on ring and the roots of webpki-roots |
//! | `rustls-no-provider` | | the same without these two: say what to use in ureq's configuration |
//!
//! ureq's other features, `gzip`, `json`, `cookies` and so on, are switched on at ureq itself.
//!
//! # ureq's versions
//!
//! The traits that make this possible are those that ureq calls [unversioned](ureq::unversioned): they may change with any of
//! its minor versions. So this crate names one: 3.5.
#![forbid(unsafe_code)]

mod budget;
mod default_connector;
mod default_resolver;
mod socket;
mod tcp_connector;
mod tcp_transport;

pub use default_connector::DefaultConnector;
pub use default_resolver::DefaultResolver;
pub use tcp_connector::TcpConnector;
pub use tcp_transport::TcpTransport;
/// The version of ureq that this is for.
#[doc(no_inline)]
pub use ureq;

use ureq::Agent;
use ureq::config::Config;

/// An agent with ureq's defaults: see [`agent_with`].
pub fn agent() -> Agent {
    agent_with(Config::default())
}

/// An agent whose connections are what the [setting](crate#the-setting) says when each is opened.
///
/// It works in [`Io::Async`](mixio::Io) and in [`Io::Blocking`](mixio::Io), and can be made anywhere: requests are what needs a
/// runtime.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use ureq::Agent;
///
/// let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build();
/// let agent = mixio_ureq::agent_with(config);
/// ```
pub fn agent_with(config: Config) -> Agent {
    Agent::with_parts(config, DefaultConnector::default(), DefaultResolver::default())
}
