//! Plain functions as handlers: a server on the loopback, which is asked, and ends.
//!
//!     cargo run --release -p mixio-actix --example hello -- 1000
//!     MIXIO=blocking cargo run --release -p mixio-actix --example hello -- 100

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, rt, web};
use mixio::Io;
use mixio_actix::{Views, handler, stream};
use mixio_tokio::net::TcpStream;
use mixio_tokio::{thread, time};

/// Nothing here says `async`.
fn greet(name: web::Path<String>) -> String {
    time::sleep(Duration::from_millis(200)); // a database, say
    format!("Hello, {name}!")
}

/// Its body is written as the client takes it.
fn table() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/csv")
        .body(stream(|body| (1..=3).try_for_each(|n| writeln!(body, "{n},{}", n * n))))
}

fn fail() -> &'static str {
    panic!("a panic is an answer, too")
}

fn main() -> io::Result<()> {
    let clients = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(100);
    let views = Views::new();
    let all = views.clone();
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .route("/hello/{name}", web::get().to(all.by_setting(greet)))
                .route("/table", web::get().to(handler(table)))
                .route("/fail", web::get().to(all.handler(fail)))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")?;
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        let server = rt::spawn(server);

        // The clients are plain functions too, on a thread of their own.
        rt::task::spawn_blocking(move || mixio_tokio::run(move || visit(address, clients))).await??;

        // First the views, while all that they need is there, then the server.
        views.stop().await;
        handle.stop(true).await;
        server.await?
    })
}

fn visit(address: SocketAddr, clients: usize) -> io::Result<()> {
    println!("{}", get(address, "/table")?);
    println!("{}\n", get(address, "/fail")?);
    let start = Instant::now();
    let visits: Vec<_> =
        (0..clients).map(|number| thread::spawn(move || get(address, &format!("/hello/{number}")))).collect();
    for (number, visit) in visits.into_iter().enumerate() {
        let answer = visit.join().expect("a client doesn't panic")?;
        assert!(answer.ends_with(&format!("\r\n\r\nHello, {number}!")), "{answer}");
    }
    println!("{clients} clients, MIXIO={}, each served in 200 ms: {:.1?} together", Io::current(), start.elapsed());
    Ok(())
}

fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: hello\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
