//! Plain functions as handlers on one thread, with all else that runs there: a server on the loopback, which is asked, and
//! ends.
//!
//!     cargo run --release -p mixio-axum --example local -- 1000

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use mixio::wait;
use mixio_axum::Views;
use mixio_tokio::net::TcpStream;
use mixio_tokio::{spawn_local, time};
use tokio::net::{TcpListener, TcpSocket};

thread_local! {
    /// All views are on this thread, and so need no lock.
    static SERVED: Cell<u32> = const { Cell::new(0) };
}

fn greet(Path(name): Path<String>) -> String {
    time::sleep(Duration::from_millis(200)); // a database, say
    SERVED.set(SERVED.get() + 1);
    format!("Hello, {name}!")
}

fn main() -> io::Result<()> {
    // Not by the setting: what counts on its thread doesn't run on another.
    mixio::Io::Async.set();
    mixio_tokio::run(serve)
}

fn serve() -> io::Result<()> {
    let clients = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(100);
    let views = Views::new();
    let app = Router::new().route("/hello/{name}", get(views.local(greet)));
    let listener = listen()?;
    let address = listener.local_addr()?;
    let server = tokio::task::spawn_local(axum::serve(listener, app).into_future());

    let start = Instant::now();
    let visits: Vec<_> =
        (0..clients).map(|number| spawn_local(move || ask(address, &format!("/hello/{number}")))).collect();
    for (number, visit) in visits.into_iter().enumerate() {
        let answer = wait(visit)??;
        assert!(answer.ends_with(&format!("\r\n\r\nHello, {number}!")), "{answer}");
    }
    println!("{} served on one thread, in 200 ms each: {:.1?} together", SERVED.get(), start.elapsed());

    // First the views, then the server.
    wait(views.stop());
    server.abort();
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
