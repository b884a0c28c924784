//! All that it takes to connect.

use std::io::{self, ErrorKind};

use ureq::unversioned::transport::{ConnectProxyConnector, ConnectionDetails, Connector, Transport};
use ureq::{Error, ProxyProtocol};

use crate::TcpConnector;

/// Opens connections as the setting says, by way of a proxy and with TLS where they are wanted: ureq's
/// [`DefaultConnector`](ureq::unversioned::transport::DefaultConnector).
///
/// It is ureq's [`ConnectProxyConnector`], [`TcpConnector`] and, by the feature `rustls`, ureq's `RustlsConnector`.
///
/// # Errors
///
/// As ureq's. And [`Unsupported`](ErrorKind::Unsupported), where a request is to go through a SOCKS proxy: ureq's connector
/// for that opens sockets of its own, which would block.
///
/// Without `rustls`, `https` is [`Error::TlsRequired`]. So it is if the agent's configuration asks for native-tls. A chain
/// that ends in ureq's `NativeTlsConnector` can do it: see [`TcpConnector`].
///
/// # Example
///
/// An agent with a resolver of one's own:
///
/// ```
/// use std::net::Ipv4Addr;
///
/// use mixio_ureq::DefaultConnector;
/// use ureq::config::Config;
/// use ureq::http::Uri;
/// use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
/// use ureq::unversioned::transport::NextTimeout;
///
/// #[derive(Debug)]
/// struct Here;
///
/// impl Resolver for Here {
///     fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
///         let mut addresses = self.empty();
///         addresses.push((Ipv4Addr::LOCALHOST, uri.port_u16().unwrap_or(80)).into());
///         Ok(addresses)
///     }
/// }
///
/// let agent = ureq::Agent::with_parts(Config::default(), DefaultConnector::default(), Here);
/// ```
#[derive(Debug, Default)]
pub struct DefaultConnector {
    proxy: ConnectProxyConnector,
    tcp: TcpConnector,
    #[cfg(feature = "rustls-no-provider")]
    tls: ureq::unversioned::transport::RustlsConnector,
}

impl Connector for DefaultConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        refuse_socks(details)?;
        let transport = self.proxy.connect(details, chained)?;
        let transport = self.tcp.connect(details, transport)?;
        #[cfg(feature = "rustls-no-provider")]
        let transport = self.tls.connect(details, transport)?;
        Ok(transport.map(|transport| Box::new(transport) as Box<dyn Transport>))
    }
}

/// Not to be passed by in silence: whoever wants a proxy may have a reason.
fn refuse_socks(details: &ConnectionDetails<'_>) -> Result<(), Error> {
    let Some(proxy) = details.config.proxy() else { return Ok(()) };
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(()),
        _ if proxy.is_no_proxy(details.uri) => Ok(()),
        _ => Err(Error::Io(io::Error::new(ErrorKind::Unsupported, "mixio-ureq can't go through a SOCKS proxy"))),
    }
}
