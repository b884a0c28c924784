//! Real servers for tests: [`Postgres`], [`Redis`], [`Chromedriver`] and any other [`Process`], each in a temporary folder of its own, on a loopback [`Port`].
//!
//! They end with whoever has started them, however that ends: a shell sees to it, which notices when its input is closed.
#![forbid(unsafe_code)]

mod chromedriver;
mod guardian;
mod port;
mod postgres;
mod process;
mod redis;

pub use chromedriver::Chromedriver;
pub use port::Port;
pub use postgres::Postgres;
pub use process::Process;
pub use redis::Redis;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A new folder for one server, which its guardian removes.
fn temporary_folder(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mixio-{name}.{}.{number}", std::process::id()));
        match std::fs::create_dir(&folder) {
            // It was left behind by a process of the same number: in a container they begin anew.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                made.expect("a temporary folder can be made");
                return folder;
            }
        }
    }
}
