//! rustls as it is, by its own synchronous stream, over sockets that wait: a server and its clients, many at once.
//!
//!     cargo run --release -p mixio-tokio --example tls -- 500
//!     MIXIO=blocking cargo run --release -p mixio-tokio --example tls -- 500    # the same code, on threads

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mixio::Io;
use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::{thread, time};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

type Failure = Box<dyn Error + Send + Sync>;

/// How long the server thinks about each line.
const DELAY: Duration = Duration::from_millis(20);

const LINES: u32 = 10;

fn main() -> Result<(), Failure> {
    mixio_tokio::run(program)
}

fn program() -> Result<(), Failure> {
    let number = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(100);
    let (for_server, for_client) = configs()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(|| serve(listener, for_server));

    let start = Instant::now();
    let clients: Vec<_> = (0..number)
        .map(|_| {
            let config = for_client.clone();
            thread::spawn(move || {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                let connection = ClientConnection::new(config, ServerName::try_from("localhost")?)?;
                talk(StreamOwned::new(connection, stream))
            })
        })
        .collect();
    for client in clients {
        client.join().expect("a client doesn't panic")?;
    }
    let took = start.elapsed();
    println!("{number} clients, {LINES} answers for each: {took:.2?}, MIXIO={}", Io::current());
    Ok(())
}

/// A certificate that the server signs by itself, and the clients trust.
fn configs() -> Result<(Arc<ServerConfig>, Arc<ClientConfig>), Failure> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone())?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((Arc::new(server), Arc::new(client)))
}

fn serve(listener: TcpListener, config: Arc<ServerConfig>) -> Result<(), Failure> {
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        let connection = ServerConnection::new(config.clone())?;
        thread::spawn(|| answer(StreamOwned::new(connection, stream)));
    }
    Ok(())
}

/// Says each line again, in capital letters.
fn answer(stream: impl Read + Write) -> Result<(), Failure> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 {
        time::sleep(DELAY);
        stream.get_mut().write_all(line.to_uppercase().as_bytes())?;
        line.clear();
    }
    Ok(())
}

fn talk(stream: StreamOwned<ClientConnection, TcpStream>) -> Result<(), Failure> {
    let mut stream = BufReader::new(stream);
    for number in 1..=LINES {
        writeln!(stream.get_mut(), "line {number}")?;
        let mut answer = String::new();
        stream.read_line(&mut answer)?;
        assert_eq!(answer, format!("LINE {number}\n"));
    }
    // Without this goodbye the server couldn't tell an end from a connection that was cut.
    let stream = stream.get_mut();
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}
