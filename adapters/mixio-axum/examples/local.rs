//! Plain functions as handlers on one thread, that of the server: a server on the loopback, which is asked, and ends.
//!
//!     cargo run --release -p mixio-axum --example local -- 1000
//!     MIXIO=blocking cargo run --release -p mixio-axum --example local -- 100    # a thread for each

use std::collections::HashSet;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use mixio::Io;
use mixio_axum::Views;
use mixio_tokio::net::TcpStream;
use mixio_tokio::{thread, time};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::LocalRuntime;

/// Those that have served.
static THREADS: LazyLock<Mutex<HashSet<ThreadId>>> = LazyLock::new(Mutex::default);

fn greet(Path(name): Path<String>) -> String {
    time::sleep(Duration::from_millis(200)); // a database, say
    THREADS.lock().expect("nobody has panicked").insert(std::thread::current().id());
    format!("Hello, {name}!")
}

/// Not by `mixio_tokio::run`: the server needs a runtime in both settings.
fn main() -> io::Result<()> {
    LocalRuntime::new()?.block_on(serve())
}

async fn serve() -> io::Result<()> {
    let clients = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(100);
    let views = Views::new();
    let app = Router::new().route("/hello/{name}", get(views.local(greet)));
    let listener = listen()?;
    let address = listener.local_addr()?;

    // The clients are plain functions too, on a thread of their own.
    let visits = tokio::task::spawn_blocking(move || mixio_tokio::run(move || visit(address, clients)));
    let end = async {
        visits.await.expect("it doesn't panic").expect("all are served");
        // First the views, then the server.
        views.stop().await;
    };
    tokio::select! {
        served = axum::serve(listener, app).into_future() => served,
        () = end => Ok(()),
    }
}

fn visit(address: SocketAddr, clients: usize) -> io::Result<()> {
    let start = Instant::now();
    let visits: Vec<_> =
        (0..clients).map(|number| thread::spawn(move || ask(address, &format!("/hello/{number}")))).collect();
    for (number, visit) in visits.into_iter().enumerate() {
        let answer = visit.join().expect("a client doesn't panic")?;
        assert!(answer.ends_with(&format!("\r\n\r\nHello, {number}!")), "{answer}");
    }
    let threads = THREADS.lock().expect("nobody has panicked").len();
    println!("{clients} clients, MIXIO={}, each served in 200 ms: {:.1?} together", Io::current(), start.elapsed());
    println!("threads that served: {threads}");
    Ok(())
}

/// With room for clients that all come before the first is let in. Usually that's for 128.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(4096)
}

fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: hello\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
