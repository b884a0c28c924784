//! `/inspect/`: which views wait at this moment, where, and for how long.

use std::thread;

use actix_web::{HttpRequest, HttpResponse};
use mixio::inspect;

use crate::error::Error;

/// A backtrace takes milliseconds, in which nobody is served.
const MOST_BACKTRACES: usize = 100;

const OFF: &str = "The inspection is off: it would make each wait of a view some 440 instructions longer.
Start the kitchen with --inspect, or KITCHEN_INSPECT=1 in its environment, to see here which views wait, where, and for how long.
";

const HINT: &str = "\n\n/inspect/?backtraces=1 shows how each came there.\n";

/// Answers what [`mixio::inspect::dump`] tells of the views of all workers, as text; with `?backtraces=1`, and with the backtraces of
/// those on the worker that happens to answer. It shows what is inside, so only who calls from this machine may see it.
///
/// # Errors
///
/// For everybody else there is nothing here.
pub async fn page(http: HttpRequest) -> Result<HttpResponse, Error> {
    if !is_near(&http) {
        return Err(Error::NotFound);
    }
    let mut text = OFF.to_owned();
    if inspect::is_enabled() {
        let dump = inspect::dump();
        let wanted = http.query_string().split('&').any(|param| param == "backtraces=1");
        let here = dump.functions().iter().filter(|function| function.thread() == thread::current().name()).count();
        text = match wanted {
            true if here > MOST_BACKTRACES => {
                format!("{dump}\n\nBacktraces are for up to {MOST_BACKTRACES} at a time: it would take too long.\n")
            }
            true => format!("{}\n", dump.with_backtraces()),
            false => format!("{dump}{HINT}"),
        };
    }
    let plain = "text/plain; charset=utf-8";
    Ok(HttpResponse::Ok().content_type(plain).insert_header(("cache-control", "no-store")).body(text))
}

/// What proxies say of themselves, those that do.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// Whether it comes from this machine, and not from elsewhere through a proxy that runs here and says so. One that doesn't (nginx,
/// unless it is told to) must itself keep others out.
fn is_near(http: &HttpRequest) -> bool {
    let near = http.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    near && !FORWARDED.iter().any(|header| http.headers().contains_key(*header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn who_is_near() {
        for (peer, near) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("192.0.2.1:1", false),
            ("[2001:db8::1]:1", false),
        ] {
            let request = || TestRequest::default().peer_addr(peer.parse().unwrap());
            assert_eq!(is_near(&request().to_http_request()), near, "{peer}");
            assert!(!is_near(&request().insert_header(("via", "1.1 proxy")).to_http_request()));
        }
        assert!(!is_near(&TestRequest::default().to_http_request()));
    }
}
