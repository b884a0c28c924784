//! ureq on non-blocking sockets: connector, transport and resolver that wait, by mixio.
