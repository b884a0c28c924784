//! rustls' blocking stream, both ends plain functions on one thread.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::Arc;

use mixio::as_async;
use mixio::io::Waiting;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

const BYTES: usize = 4 << 20;

fn configurations() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (Arc::new(client), Arc::new(server))
}

/// Echoes a line, sends `BYTES` bytes, and closes.
fn serve(config: Arc<ServerConfig>, stream: impl Read + Write) {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let stream = stream.get_mut();
    stream.write_all(line.as_bytes()).unwrap();
    stream.write_all(&vec![7; BYTES]).unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
}

fn ask(config: Arc<ClientConfig>, stream: impl Read + Write) {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
    stream.write_all(b"hello\n").unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "hello\n");
    let mut bytes = Vec::new();
    // An end without a close notification would be an error.
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, vec![7; BYTES]);
    assert!(!stream.get_ref().conn.is_handshaking());
}

#[tokio::test]
async fn over_tokio() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let (for_client, for_server) = configurations();
    let server = as_async(move || serve(for_server, Waiting::tokio(server)));
    let client = as_async(move || ask(for_client, Waiting::tokio(client)));
    tokio::join!(server, client);
}

#[test]
fn over_smol() {
    smol::block_on(async {
        let listener = smol::Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let client = smol::Async::<std::net::TcpStream>::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (for_client, for_server) = configurations();
        let server = as_async(move || serve(for_server, Waiting::futures(server)));
        let client = as_async(move || ask(for_client, Waiting::futures(client)));
        smol::future::zip(server, client).await;
    });
}
