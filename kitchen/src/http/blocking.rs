//! ureq, which blocks its thread.

use std::io;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Uri, header};
use ureq::{Agent, Error};

use super::{FORM, Failure, IDLE, MAX_REPLY, Reply};

/// Connections that are kept: one for each thread, if there aren't more of them.
const MAX_IDLE: usize = 256;

pub(super) struct Client {
    agent: Agent,
}

impl Client {
    pub(super) fn new(limit: Duration) -> Self {
        let config = Config::builder()
            .timeout_global(Some(limit))
            .http_status_as_error(false)
            // What is sent must arrive at the address that was set: not at a proxy's, nor at one that a reply names.
            .proxy(None)
            .max_redirects(0)
            .max_idle_connections(MAX_IDLE)
            .max_idle_connections_per_host(MAX_IDLE)
            .max_idle_age(IDLE)
            .build();
        Client { agent: config.into() }
    }

    pub(super) fn post(&self, url: &Uri, form: &str) -> Result<Reply, Failure> {
        let request = self.agent.post(url).header(header::CONTENT_TYPE, FORM);
        let mut response = request.send(form).map_err(|error| failure(&error, url))?;
        let status = response.status().as_u16();
        match response.body_mut().with_config().limit(MAX_REPLY as u64).read_to_vec() {
            Ok(body) => Ok(Reply { status, body }),
            Err(Error::BodyExceedsLimit(_)) => Err(Failure::Unexpected(status)),
            Err(error) => Err(failure(&error, url)),
        }
    }
}

fn failure(error: &Error, url: &Uri) -> Failure {
    tracing::warn!(?error, "{url} fails");
    match error {
        Error::Timeout(_) => Failure::Silent,
        Error::HostNotFound | Error::ConnectionFailed => Failure::Unreachable,
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Failure::Unreachable,
        _ => Failure::BrokeOff,
    }
}
