//! The examples in Diesel's own documentation, unchanged, on mixio-diesel.
//!
//! `build.rs` takes them from the source of Diesel that cargo has downloaded. There is one package for each database, since
//! Diesel's examples choose it by a feature. `MIXIO` is the setting, as always.
#![cfg(test)]
#![allow(warnings, clippy::all, reason = "it is Diesel's text")]

use std::process::{ExitCode, Termination};
use std::sync::{Mutex, OnceLock};

/// Runs an example as the setting says; one after the other, since all make the same tables.
fn run(example: impl FnOnce() + 'static) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock();
    #[cfg(feature = "postgres")]
    {
        static SERVER: OnceLock<mixio_test_servers::Postgres> = OnceLock::new();
        let server = SERVER.get_or_init(|| {
            let server = mixio_test_servers::Postgres::start(&[]);
            std::env::set_var("PG_DATABASE_URL", server.database());
            server
        });
        let _ = server;
    }
    mixio_tokio::run(example);
}

fn ends_well(outcome: impl Termination) {
    assert_eq!(format!("{:?}", outcome.report()), format!("{:?}", ExitCode::SUCCESS));
}

include!(concat!(env!("OUT_DIR"), "/examples.rs"));
