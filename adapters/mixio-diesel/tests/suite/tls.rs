//! A server that has a certificate, and connections to it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use mixio_diesel::PgConnection;
use mixio_diesel::pool::Pool;
use mixio_diesel::tokio_postgres::tls::MakeTlsConnect;
use mixio_diesel::tokio_postgres::{Config, Socket};
use mixio_test_servers::Postgres;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The server, and the certificate that it shows: signed by itself, for its address.
pub static SERVER: LazyLock<(Postgres, CertificateDer<'static>)> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = [("server.crt", &*cert.pem()), ("server.key", &*signing_key.serialize_pem())];
    (Postgres::start_with(&["ssl=on"], &files), cert.der().clone())
});

/// A connector, and how often it has been asked.
#[derive(Clone)]
pub struct Tls {
    connector: MakeRustlsConnect,
    asked: Arc<AtomicUsize>,
}

impl Tls {
    /// Trusts those who show such a certificate, and nobody else.
    pub fn trusting(certificates: &[CertificateDer<'static>]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Tls { connector: MakeRustlsConnect::new(config), asked: Arc::default() }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        MakeTlsConnect::<Socket>::make_tls_connect(&mut self.connector, host)
    }
}

fn establish(url: &str, tls: Tls, limit: Option<Duration>) -> ConnectionResult<PgConnection> {
    PgConnection::establish_with(&url.parse::<Config>().unwrap(), tls, limit)
}

/// A pool of connections that can't be had without TLS.
pub fn pool(url: &str, tls: &Tls) -> Pool<PgConnection> {
    let tls = tls.clone();
    let builder = Pool::builder(format!("{url}?sslmode=require")).max_size(2);
    builder.connector(move |url, limit| establish(url, tls.clone(), Some(limit))).build().unwrap()
}

/// Whether the server says that nobody else can read this connection.
fn is_private(connection: &mut PgConnection) -> bool {
    let query = sql::<Bool>("(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())");
    diesel::select(query).get_result(connection).unwrap()
}

pub fn connections() {
    let (server, certificate) = &*SERVER;
    let url = server.database();
    let tls = Tls::trusting(std::slice::from_ref(certificate));
    assert!(is_private(&mut establish(&url, tls.clone(), None).unwrap()));
    assert!(!is_private(&mut PgConnection::establish(&url).unwrap()));

    let pool = pool(&url, &tls);
    let mut connections = [pool.get().unwrap(), pool.get().unwrap()];
    assert!(connections.iter_mut().all(|connection| is_private(connection)));
    // More than one record of TLS.
    let long = sql::<diesel::sql_types::Text>("repeat('x', 1000000)");
    let long: String = diesel::select(long).get_result(&mut *connections[0]).unwrap();
    assert_eq!(long.len(), 1_000_000);
    assert_eq!(tls.asked(), 3);
}

pub fn refusals() {
    let (server, certificate) = &*SERVER;
    let error = |url: &str, tls| match establish(url, tls, Some(Duration::from_secs(60))) {
        Ok(_) => panic!("{url}"),
        Err(error) => error.to_string(),
    };
    let url = server.database();
    let stranger = error(&url, Tls::trusting(&[]));
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    let tls = Tls::trusting(std::slice::from_ref(certificate));
    let other_name = error(&url.replace("127.0.0.1", "localhost"), tls.clone());
    assert!(other_name.contains("not valid for name"), "{other_name}");
    let without = error(&format!("{}?sslmode=require", super::server::shared_database()), tls);
    assert!(without.contains("does not support TLS"), "{without}");
}
