//! What can be set, on the command line or by the environment.

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand};
use ureq::http::Uri;

/// The food delivery service: takes orders, has them cooked, and tells the customer when the food will come.
///
///   /          takes an order: `details`, by GET query or POST form, and answers the kitchen's JSON;
///              with a `token` of the client's it may be sent again, and is taken once
///   /orders/   the latest orders of the user, as JSON
///   /connect/  a web page to place orders and see notifications
///   /ws/       the WebSocket of that page
///   /healthz   200 if orders can be taken, 503 and the reason if not
///   /inspect/  which views wait, where and for how long; needs --inspect
///   /kitchen/  a kitchen: needs `order_id`, a number, and answers 201 with it and `mins`
///
/// Users are told apart by the parameter or cookie `user`.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
pub struct Arguments {
    /// What to do, if not to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// All that can be set.
    #[command(flatten)]
    pub settings: Settings,
}

/// What else the program does.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Brings the tables of the database up to date, says which migrations that took, and ends
    ///
    /// Serving does so too, when it begins.
    Migrate {
        /// Change nothing: say which migrations are missing, and fail if there are some
        #[arg(long)]
        check: bool,
    },
}

use crate::database_url;
use crate::logs::Logs;

/// All that can be set.
#[derive(Clone, Debug, Parser)]
pub struct Settings {
    /// The address to listen at; port 0 is any free one
    #[arg(long, env = "KITCHEN_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,

    /// What keeps the orders: postgres://user@host/name, or an SQLite file, by its path or a URL such as
    /// sqlite:///var/lib/kitchen.sqlite3, which is created if there is none
    #[arg(long, global = true, env = "DATABASE_URL", value_name = "URL", default_value = "kitchen.sqlite3", value_parser = database_url::parse)]
    pub database: String,

    /// How many database connections each worker may use; by default 4, or 1 for SQLite, where only one writes at a time: others
    /// don't queue for it but try now and then, and may have no luck for too long
    #[arg(long, env = "KITCHEN_CONNECTIONS", value_name = "N", value_parser = at_least_one)]
    pub connections: Option<usize>,

    /// How many threads serve requests; one goes a long way, since it never blocks
    #[arg(long, env = "KITCHEN_WORKERS", value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub workers: usize,

    /// With MIXIO=blocking, how many views each of them runs at a time: each on a thread of its own
    #[arg(long, env = "KITCHEN_THREADS", value_name = "N", default_value = "64", value_parser = at_least_one)]
    pub threads: usize,

    /// The kitchen that cooks the orders; by default our own, at /kitchen/
    #[arg(long, env = "KITCHEN_SERVICE", value_name = "URL", value_parser = url)]
    pub kitchen_service: Option<Uri>,

    /// How long to wait for the kitchen's answer
    #[arg(long, env = "KITCHEN_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = positive_time)]
    pub kitchen_timeout: Duration,

    /// How long our own kitchen takes to answer, such as 1s or 250ms
    #[arg(long, env = "KITCHEN_DELAY", value_name = "TIME", default_value = "0s", value_parser = time)]
    pub kitchen_delay: Duration,

    /// When to ask a kitchen again that did not answer. It knows an order by its id, and cooks it once
    #[arg(long, env = "KITCHEN_RETRY_AFTER", value_name = "TIME", default_value = "1s", value_parser = positive_time)]
    pub retry_after: Duration,

    /// When stopped, how long to go on with what has been begun; the rest is broken off
    #[arg(long, env = "KITCHEN_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub shutdown_timeout: Duration,

    /// Lists the views that wait at /inspect/, for who calls from this machine; this costs some time at each wait. A proxy on
    /// this machine that adds no header such as X-Forwarded-For must keep others from that page itself
    #[arg(long, env = "KITCHEN_INSPECT", value_parser = FalseyValueParser::new())]
    pub inspect: bool,

    /// What to log
    #[command(flatten)]
    pub logs: Logs,
}

impl Settings {
    /// How many database connections each worker may use.
    pub fn connections(&self) -> usize {
        let is_sqlite = database_url::file(&self.database).is_some();
        self.connections.unwrap_or(if is_sqlite { 1 } else { 4 })
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".into()),
        Ok(number @ ..=1024) => Ok(number),
        Ok(_) => Err("at most 1024 make sense".into()),
        Err(_) => Err("not a number".into()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let (number, per_second) = match text.strip_suffix("ms") {
        Some(number) => (number, 1000.0),
        None => (text.strip_suffix('s').ok_or("a time is a number with a unit: s or ms")?, 1.0),
    };
    let number: f64 = number.trim().parse().map_err(|_| "a time is a number with a unit: s or ms")?;
    match Duration::try_from_secs_f64(number / per_second) {
        Ok(time) if time <= Duration::from_secs(3600) => Ok(time),
        _ => Err("a time is between 0s and 3600s".into()),
    }
}

fn positive_time(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("some time is needed".into()),
        time => Ok(time),
    }
}

fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match url.scheme_str() {
        Some("http") if url.host().is_some_and(|host| !host.is_empty()) => Ok(url),
        _ => Err("a kitchen is called over plain http://".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_settings_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times() {
        assert_eq!(time("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(time("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "s", "1", "1m", "-1s", "nans", "infs", "1e9s"] {
            assert!(time(wrong).is_err(), "{wrong:?}");
        }
        assert!(positive_time("0s").is_err());
    }

    #[test]
    fn connections() {
        for (database, connections) in
            [("postgres://localhost/kitchen", 4), ("kitchen.sqlite3", 1), ("sqlite:///a", 1), ("file:///a", 1)]
        {
            assert_eq!(
                Settings::parse_from(["kitchen", "--database", database]).connections(),
                connections,
                "{database}"
            );
        }
    }

    #[test]
    fn kitchens() {
        assert!(url("http://127.0.0.1:9000/kitchen/").is_ok());
        for wrong in ["", "kitchen", "https://127.0.0.1/", "ftp://127.0.0.1/"] {
            assert!(url(wrong).is_err(), "{wrong:?}");
        }
    }
}
