//! Real servers for tests: [`Postgres`] and [`Redis`], each in a temporary folder of its own, on a free loopback port.
//!
//! They end with whoever has started them, however that ends: a shell sees to it, which notices when its input is closed.
#![forbid(unsafe_code)]

mod guardian;
mod postgres;
mod redis;

pub use postgres::Postgres;
pub use redis::Redis;

use std::net::{Ipv4Addr, TcpListener};

/// A port of the loopback interface that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it listens").port()
}
