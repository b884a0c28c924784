//! Over TLS.

use crate::suite::tls;

#[test]
fn connections_are_private() {
    crate::run(tls::connections);
}

#[test]
fn who_cannot_be_trusted_is_refused() {
    crate::run(tls::refusals);
}
