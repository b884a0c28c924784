//! A synchronous HTTP client: by hyper's, which is waited for, or by ureq, which blocks. The setting says which.

mod blocking;
mod waiting;

use std::fmt;
use std::time::Duration;

use mixio::Io;
use serde::Serialize;
use serde_json::Value;
use ureq::http::Uri;

/// No answer that we expect is longer, in bytes.
const MAX_REPLY: usize = 64 << 10;

/// How long a connection that nobody uses is kept: less than servers commonly do, lest a request is sent while they close it.
const IDLE: Duration = Duration::from_secs(3);

const FORM: &str = "application/x-www-form-urlencoded";

/// Calls other servers. To the function that calls, it looks as if it blocked; in [`Io::Blocking`] it does.
pub struct Http {
    client: Client,
}

enum Client {
    Waiting(waiting::Client),
    Blocking(blocking::Client),
}

/// What a server has answered.
#[derive(Debug)]
pub struct Reply {
    /// Its status code.
    pub status: u16,
    body: Vec<u8>,
}

/// Why there is no useful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There was none in time. The server may have got the request or not.
    Silent,
    /// The server can't be reached.
    Unreachable,
    /// It was reached, but there is no whole answer. It may have got the request or not.
    BrokeOff,
    /// It answered, but not what was asked for; the status is given.
    Unexpected(u16),
    /// It refused, when it was asked for the first time.
    Refused,
    /// Its answer wasn't clear, when it was asked for the first time.
    Unclear,
}

impl Http {
    /// A client that gives a server so much time to answer in full.
    pub fn new(limit: Duration) -> Self {
        let client = match Io::current() {
            Io::Async => Client::Waiting(waiting::Client::new(limit)),
            Io::Blocking => Client::Blocking(blocking::Client::new(limit)),
        };
        Http { client }
    }

    /// Sends a form. It is sent once: if that fails after some of it was sent, nothing here tries again.
    ///
    /// # Errors
    ///
    /// If there is no answer; any status is one.
    pub fn post(&self, url: &Uri, form: &impl Serialize) -> Result<Reply, Failure> {
        let form = serde_urlencoded::to_string(form).expect("what we send can be a form");
        match &self.client {
            Client::Waiting(client) => client.post(url, form),
            Client::Blocking(client) => client.post(url, &form),
        }
    }
}

impl Reply {
    /// The body; null if it isn't JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Failure {
    /// Whether the kitchen has said that it won't cook the order.
    pub fn is_refusal(&self) -> bool {
        match self {
            Failure::Unexpected(status @ 400..=499) => !asks_for_later(*status),
            failure => *failure == Failure::Refused,
        }
    }
}

/// Whether that says "later", which says nothing of an earlier time that it was asked.
fn asks_for_later(status: u16) -> bool {
    matches!(status, 408 | 425 | 429)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Silent => f.write_str("the kitchen did not answer in time"),
            Failure::Unreachable => f.write_str("the kitchen cannot be reached"),
            Failure::BrokeOff => f.write_str("the kitchen broke off its answer, and may have taken the order"),
            Failure::Unexpected(201) => f.write_str("the kitchen's answer cannot be understood"),
            Failure::Unexpected(status) if asks_for_later(*status) => {
                write!(f, "the kitchen wants to be asked later (status {status})")
            }
            Failure::Unexpected(status @ 400..=499) => write!(f, "the kitchen will not cook it (status {status})"),
            Failure::Unexpected(status) => write!(f, "the kitchen answered with status {status}"),
            Failure::Refused => f.write_str("the kitchen has not taken this order"),
            Failure::Unclear => f.write_str("the kitchen gave no clear answer"),
        }
    }
}
