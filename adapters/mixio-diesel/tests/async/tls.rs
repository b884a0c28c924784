//! Over TLS.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use mixio::wait;
use tokio::time::{sleep, timeout};

use crate::suite::tls::{self, SERVER, Tls};

#[test]
fn connections_are_private() {
    crate::run(tls::connections);
}

#[test]
fn who_cannot_be_trusted_is_refused() {
    crate::run(tls::refusals);
}

#[test]
fn a_query_is_cancelled_over_tls_too() {
    crate::run(|| {
        let (server, certificate) = &*SERVER;
        let url = server.database();
        let tls = Tls::trusting(std::slice::from_ref(certificate));
        let pool = tls::pool(&url, &tls);
        let sleeps = pool.clone();
        let sleeping = mixio::as_async(move || sql_query("SELECT pg_sleep(600)").execute(&mut sleeps.get().unwrap()));
        let asked =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        let until = |sleepers: &'static str| {
            let url = url.clone();
            timeout(Duration::from_secs(60), async move {
                while server.execute(&url, asked) != sleepers {
                    sleep(Duration::from_millis(20)).await;
                }
            })
        };
        wait(async {
            tokio::select! {
                slept = sleeping => panic!("it was to be cancelled: {slept:?}"),
                sleeps = until("1") => sleeps.expect("nobody sleeps"),
            }
        });
        wait(until("0")).expect("the query goes on");
        assert!(tls.asked() >= 2, "the request was to be made by the connector");
        assert_eq!(pool.state().size, 0);
    });
}
