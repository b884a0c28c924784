//! A command-line tool that makes several HTTP requests at once, in plain code:
//!
//!     cargo run -p mixio-tokio --example fetch -- localhost:8000/ example.org/index.html
//!     MIXIO=blocking cargo run -p mixio-tokio --example fetch    # the same code, on threads
//!
//! With no arguments it asks a server of its own, five times.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::{start_loop, thread, time};

/// How long the server of our own takes for an answer.
const DELAY: Duration = Duration::from_millis(200);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let _loop = start_loop()?;
    let mut pages: Vec<String> = std::env::args().skip(1).collect();
    if pages.is_empty() {
        let listener = TcpListener::bind("localhost:0")?;
        let address = listener.local_addr()?;
        pages = (1..=5).map(|number| format!("{address}/{number}")).collect();
        thread::spawn(|| serve(listener));
    }

    let start = Instant::now();
    let number = pages.len();
    let requests: Vec<_> = pages.into_iter().map(|page| (page.clone(), thread::spawn(move || fetch(&page)))).collect();
    for (page, request) in requests {
        match request.join().expect("a request doesn't panic") {
            Ok((status, body)) => println!("{page}: {status}, {} bytes", body.len()),
            Err(error) => println!("{page}: {error}"),
        }
    }
    println!("{number} requests in {:.2?}", start.elapsed());
    Ok(())
}

/// The status line and the body.
fn fetch(page: &str) -> Result<(String, Vec<u8>), Failure> {
    let (host, path) = page.split_once('/').unwrap_or((page, ""));
    let mut stream = match host.contains(':') {
        true => TcpStream::connect(host)?,
        false => TcpStream::connect((host, 80))?,
    };
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;

    let mut answer = BufReader::new(stream);
    let mut status = String::new();
    answer.read_line(&mut status)?;
    skip_headers(&mut answer)?;
    let mut body = Vec::new();
    answer.read_to_end(&mut body)?;
    Ok((status.trim_end().into(), body))
}

/// A server that takes its time.
fn serve(listener: TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            skip_headers(&mut BufReader::new(&stream))?;
            time::sleep(DELAY);
            (&stream).write_all(b"HTTP/1.0 200 OK\r\n\r\nhere you are\n")
        });
    }
    Ok(())
}

/// Reads up to the empty line.
fn skip_headers(from: &mut impl BufRead) -> io::Result<()> {
    let mut line = String::new();
    while from.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(())
}
