//! The synchronous redis client on non-blocking sockets, by mixio.
