//! The HTTP client: ureq, which is synchronous, on sockets that wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use serde_json::Value;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::{Agent, Error};

/// No answer that we expect is longer, in bytes.
const MAX_REPLY: u64 = 64 << 10;

/// The size of the buffers of a connection, in bytes.
const BUFFER: usize = 8 << 10;

/// How many agents are kept for the next requests.
const MAX_AGENTS: usize = 4096;

/// Calls other servers. To the function that calls, it looks as if it blocked.
///
/// Each request has an agent for itself, which keeps its connection: ureq looks at all of an agent's connections for each request,
/// and with a thousand of them that was an eighth of all the server's work.
pub struct Http {
    config: Config,
    /// Those that nobody uses; the last one back is the first that is used again.
    agents: Mutex<Vec<Agent>>,
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
    pub fn new(timeout: Duration) -> Self {
        let config = Config::builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // What is sent must arrive at the address that was set: not at a proxy's, nor at one that a reply names.
            .proxy(None)
            .max_redirects(0)
            // A connection for each order that is with the kitchen, and what is sent either way is short.
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            // Less than servers commonly keep an idle connection, lest a request is sent while they close it.
            .max_idle_age(Duration::from_secs(3))
            .build();
        Http { config, agents: Mutex::default() }
    }

    /// Sends a form. It is sent once: if that fails, nothing here tries again.
    ///
    /// # Errors
    ///
    /// If there is no answer; any status is one.
    pub fn post(&self, url: &Uri, form: &[(&str, String)]) -> Result<Reply, Failure> {
        // If this function is cut in its midst, the agent goes, and its connection with it.
        let agent = self.agents().pop().unwrap_or_else(|| mixio_ureq::agent_with(self.config.clone()));
        let reply = self.post_by(&agent, url, form);
        let mut agents = self.agents();
        if agents.len() < MAX_AGENTS {
            agents.push(agent);
        }
        reply
    }

    fn post_by(&self, agent: &Agent, url: &Uri, form: &[(&str, String)]) -> Result<Reply, Failure> {
        let form = form.iter().map(|(key, value)| (*key, value.as_str()));
        let mut response = agent.post(url).send_form(form).map_err(|error| Failure::of(&error, url))?;
        let status = response.status().as_u16();
        match response.body_mut().with_config().limit(MAX_REPLY).read_to_vec() {
            Ok(body) => Ok(Reply { status, body }),
            Err(Error::BodyExceedsLimit(_)) => Err(Failure::Unexpected(status)),
            Err(error) => Err(Failure::of(&error, url)),
        }
    }

    /// It is never locked for long: nothing waits while it is.
    fn agents(&self) -> MutexGuard<'_, Vec<Agent>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn of(error: &Error, url: &Uri) -> Self {
        tracing::warn!("{url} fails: {error:?}");
        match error {
            Error::Timeout(_) => Failure::Silent,
            Error::HostNotFound | Error::ConnectionFailed => Failure::Unreachable,
            Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Failure::Unreachable,
            _ => Failure::BrokeOff,
        }
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
            Failure::Refused => f.write_str("the kitchen has not taken this order"),
            Failure::Unclear => f.write_str("the kitchen gave no clear answer; it is asked again"),
        }
    }
}
