//! Opens connections.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mixio_tokio::net::TcpStream;
use ureq::unversioned::transport::time::Instant;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Either, LazyBuffers, Transport};
use ureq::{Error, Timeout};

use crate::TcpTransport;
use crate::budget::{Budget, Limit};

/// Opens TCP connections as the setting says, where no connector before it has opened one: ureq's
/// [`TcpConnector`](ureq::unversioned::transport::TcpConnector).
///
/// For chains of one's own; [`DefaultConnector`](crate::DefaultConnector) has it in it.
///
/// # Errors
///
/// Of the last address, if a host has several. They share the time there is. In [`Io::Async`](mixio::Io) also if there is no
/// runtime on this thread.
///
/// # Example
///
/// ```
/// use mixio_ureq::{DefaultResolver, TcpConnector};
/// use ureq::Agent;
/// use ureq::config::Config;
/// use ureq::unversioned::transport::Connector;
///
/// let agent = Agent::with_parts(Config::default(), ().chain(TcpConnector::default()), DefaultResolver::default());
/// ```
#[derive(Clone, Debug, Default)]
pub struct TcpConnector(());

impl<In: Transport> Connector<In> for TcpConnector {
    type Out = Either<In, TcpTransport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if chained.is_some() {
            return Ok(chained.map(Either::A));
        }
        let stream = connect(details)?;
        if details.config.no_delay() {
            stream.set_nodelay(true)?;
        }
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        let transport = TcpTransport::new(stream, buffers);
        (details.register_shutdown)(transport.shutdown_handle())?;
        Ok(Some(Either::B(transport)))
    }
}

/// The first address that answers.
fn connect(details: &ConnectionDetails<'_>) -> Result<TcpStream, Error> {
    let budget = Budget::with_spent(details.timeout, spent(details));
    let mut failure = Error::Io(ErrorKind::AddrNotAvailable.into());
    for (index, address) in details.addrs.iter().enumerate() {
        let limit = budget.attempt(details.addrs.len() - index)?;
        match connect_to(*address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                failure = if limit.duration().is_some() { limit.error() } else { Error::Timeout(Timeout::Connect) };
            }
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

fn connect_to(address: SocketAddr, limit: Limit) -> io::Result<TcpStream> {
    match limit.duration() {
        Some(limit) => TcpStream::connect_timeout(&address, limit),
        None => TcpStream::connect(address),
    }
}

/// How long it is since the timeout has begun: another connector may have been at work.
fn spent(details: &ConnectionDetails<'_>) -> Duration {
    match ((details.current_time)(), details.now) {
        (Instant::Exact(now), Instant::Exact(then)) => now.saturating_duration_since(then),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use ureq::Agent;
    use ureq::config::Config;
    use ureq::unversioned::transport::{ConnectionDetails, Connector, Either};

    use super::TcpConnector;
    use crate::{DefaultResolver, TcpTransport};

    /// Tells whether connections have `TCP_NODELAY`, and gives none.
    #[derive(Debug)]
    struct Looks(Mutex<Sender<bool>>);

    impl Connector for Looks {
        type Out = TcpTransport;

        fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<TcpTransport>, ureq::Error> {
            let transport = TcpConnector::default().connect(details, None::<()>)?;
            let Some(Either::B(transport)) = transport else { panic!("it is to connect") };
            self.0.lock().unwrap().send(transport.nodelay()).unwrap();
            Ok(None)
        }
    }

    #[test]
    fn sends_at_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        mixio_tokio::run(move || {
            let (tell, told) = channel();
            let delays = Agent::config_builder().no_delay(false).build();
            for config in [Config::default(), delays] {
                let connector = Looks(Mutex::new(tell.clone()));
                assert!(Agent::with_parts(config, connector, DefaultResolver::default()).get(&url).call().is_err());
            }
            drop(tell);
            assert_eq!(told.iter().collect::<Vec<_>>(), [true, false]);
        });
    }
}
