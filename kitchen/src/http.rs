//! A synchronous HTTP client, on an asynchronous one.

use std::fmt;
use std::time::Duration;

use mixio::wait;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Serialize;
use serde_json::Value;

/// No answer that we expect is longer.
const MAX_REPLY: usize = 64 << 10;

/// Calls other servers. To the function that calls, it looks as if it blocked.
pub struct Http {
    client: Client,
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
}

impl Http {
    /// A client that gives a server so much time to answer in full.
    pub fn new(timeout: Duration) -> Self {
        let client = Client::builder()
            .timeout(timeout)
            .tcp_nodelay(true)
            // What is sent must arrive at the address that was set: not at a proxy's, nor at one that a reply names.
            .no_proxy()
            .redirect(Policy::none())
            // Less than servers commonly keep an idle connection, lest a request is sent while they close it.
            .pool_idle_timeout(Duration::from_secs(3))
            .build()
            .expect("a client without TLS, of fixed settings, can be built");
        Http { client }
    }

    /// Sends a form. It is sent once: if that fails, nothing here tries again.
    ///
    /// # Errors
    ///
    /// If there is no answer; any status is one.
    pub fn post(&self, url: &Url, form: &impl Serialize) -> Result<Reply, Failure> {
        let reply = wait(async {
            let mut response = self.client.post(url.clone()).form(form).send().await?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                if body.len() + chunk.len() > MAX_REPLY {
                    return Ok(Err(Failure::Unexpected(status)));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Ok(Reply { status, body }))
        });
        reply.unwrap_or_else(|error: reqwest::Error| {
            tracing::warn!(%url, ?error, "the kitchen does not answer");
            Err(if error.is_timeout() {
                Failure::Silent
            } else if error.is_connect() {
                Failure::Unreachable
            } else {
                Failure::BrokeOff
            })
        })
    }
}

/// Sets the calling function aside for a time.
pub fn sleep(time: Duration) {
    if !time.is_zero() {
        wait(tokio::time::sleep(time));
    }
}

impl Reply {
    /// The body; null if it isn't JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Silent => f.write_str("the kitchen did not answer in time"),
            Failure::Unreachable => f.write_str("the kitchen cannot be reached"),
            Failure::BrokeOff => f.write_str("the kitchen broke off its answer; it may have taken the order"),
            Failure::Unexpected(201) => f.write_str("the kitchen's answer cannot be understood"),
            Failure::Unexpected(status @ 400..=499) => write!(f, "the kitchen will not cook it (status {status})"),
            Failure::Unexpected(status) => write!(f, "the kitchen answered with status {status}"),
        }
    }
}
