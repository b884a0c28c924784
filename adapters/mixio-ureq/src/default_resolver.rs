//! Looks up names.

use std::io;
use std::net::SocketAddr;

use mixio::{Io, try_wait};
use tokio::net::lookup_host;
use tokio::runtime::Handle;
use tokio::time::timeout;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{self, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::budget::Budget;

/// More than that ureq has no room for.
const MAX_ADDRESSES: usize = 16;

/// Looks up names as the setting says: ureq's [`DefaultResolver`](resolver::DefaultResolver).
///
/// - [`Io::Async`]: on a thread of tokio's for what blocks, and waits. An address needs no lookup.
/// - [`Io::Blocking`]: it is ureq's, which blocks the thread; if there is a timeout, it starts one to be left behind.
///
/// Either asks the system each time (`getaddrinfo`), for each request: also for one that then finds a connection in the pool.
///
/// # Errors
///
/// As ureq's. In [`Io::Async`] also if there is no runtime on this thread.
#[derive(Clone, Debug, Default)]
pub struct DefaultResolver(());

impl Resolver for DefaultResolver {
    fn resolve(&self, uri: &Uri, config: &Config, limit: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        // ureq's would begin all the same, and may be fast.
        Budget::new(limit).attempt(1)?;
        if Io::current() == Io::Blocking {
            return resolver::DefaultResolver::default().resolve(uri, config, limit);
        }
        let host_and_port = uri.scheme().zip(uri.authority());
        let host_and_port =
            host_and_port.and_then(|(scheme, authority)| resolver::DefaultResolver::host_and_port(scheme, authority));
        let host_and_port = host_and_port.ok_or_else(|| Error::BadUri(uri.to_string()))?;

        let mut addresses = self.empty();
        let found = look_up(host_and_port, limit)?.into_iter();
        for address in config.ip_family().keep_wanted(found).take(MAX_ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

fn look_up(host_and_port: String, limit: NextTimeout) -> Result<Vec<SocketAddr>, Error> {
    if Handle::try_current().is_err() {
        // The connector would say the same.
        return Err(Error::Io(io::Error::other(NO_RUNTIME)));
    }
    mixio_tokio::install();
    let limit = Budget::new(limit).attempt(1)?;
    let lookup = async { Ok(lookup_host(host_and_port).await?.collect()) };
    let found = match limit.duration() {
        None => try_wait(lookup),
        Some(duration) => try_wait(async { timeout(duration, lookup).await.unwrap_or_else(|_| Err(limit.error())) }),
    };
    found.unwrap_or_else(|cannot| Err(Error::Io(io::Error::other(cannot))))
}

const NO_RUNTIME: &str = "there is no tokio runtime on this thread to look up a name, as `Io::Async` needs it: \
     call `mixio_tokio::start_loop` before, or run this by `mixio_tokio::run`, or set MIXIO=blocking";
