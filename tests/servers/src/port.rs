//! A port to listen at.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of a loopback address that nobody else is given: connections are refused, but for while a server listens there that was told
/// of it.
///
/// A port that was only free a moment ago may be anybody's, where tests run side by side: a listener's, or a connection's own.
pub struct Port {
    /// Bound, and doesn't listen. Linux then chooses this port for nobody, but lets who asks for it listen there, if that one sets
    /// `SO_REUSEADDR`, as servers do.
    _socket: Socket,
    address: SocketAddr,
}

impl Port {
    /// A free one of this address.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn reserve(ip: Ipv4Addr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there is a socket");
        socket.set_reuse_address(true).expect("a new socket can be set up");
        socket.bind(&SocketAddr::from((ip, 0)).into()).expect("there is a free port");
        let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound");
        Port { _socket: socket, address }
    }

    /// It, with its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
