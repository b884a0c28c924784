//! TLS, by ureq's own connector on top of ours.

use std::sync::{Arc, LazyLock};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use ureq::{Agent, Error};

use super::{get, plenty};
use crate::server::{Peer, Server, ok};

static IDENTITY: LazyLock<(CertificateDer<'static>, PrivateKeyDer<'static>)> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (cert.der().clone(), PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap())
});

/// A certificate for `localhost`, signed by itself.
pub(crate) fn server_config() -> Arc<ServerConfig> {
    let (certificate, key) = (IDENTITY.0.clone(), IDENTITY.1.clone_key());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}

/// Trusts it.
pub(crate) fn trusting() -> ConfigBuilder<AgentScope> {
    let certificate = Certificate::from_der(&IDENTITY.0).to_owned();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[certificate])).build();
    Agent::config_builder().tls_config(tls)
}

pub(crate) fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address().port())
}

pub(crate) fn https() {
    let server = Server::tls(server_config(), |request| ok(request.path()));
    let agent = mixio_ureq::agent_with(trusting().https_only(true).build());
    for path in ["/one", "/two", "/three"] {
        assert_eq!(get(&agent, &url(&server, path)).unwrap(), path);
    }
    assert_eq!(server.accepted(), 1);
}

pub(crate) fn untrusted() {
    let server = Server::tls(server_config(), |request| ok(request.path()));
    let failure = get(&mixio_ureq::agent(), &url(&server, "/")).unwrap_err();
    assert!(failure.to_string().contains("UnknownIssuer"), "{failure:?}");
}

pub(crate) fn another_name() {
    let server = Server::tls(server_config(), |request| ok(request.path()));
    let agent = mixio_ureq::agent_with(trusting().build());
    let failure = get(&agent, &format!("https://{}/", server.address())).unwrap_err();
    assert!(failure.to_string().contains("not valid for name"), "{failure:?}");
}

pub(crate) fn large() {
    let server = Server::tls(server_config(), |request| ok(&request.body));
    let agent = mixio_ureq::agent_with(trusting().build());
    let sent = &plenty()[..2 << 20];
    let mut answer = agent.put(url(&server, "/")).send(sent).unwrap();
    assert!(answer.body_mut().read_to_vec().unwrap() == sent);
}

/// In the midst of the handshake.
pub(crate) fn broken_off() {
    let server = Server::start(|stream, _| {
        let mut peer = Peer::new(stream);
        peer.read_exact(&mut [0; 5]).unwrap();
    });
    let failure = get(&mixio_ureq::agent(), &url(&server, "/")).unwrap_err();
    assert!(matches!(failure, Error::Io(_)), "{failure:?}");
}
