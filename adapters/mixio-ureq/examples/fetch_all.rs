//! Several pages at once, by plain code on one thread:
//!
//!     cargo run --release -p mixio-ureq --example fetch_all -- https://example.org/ https://www.rust-lang.org/
//!     MIXIO=blocking cargo run --release -p mixio-ureq --example fetch_all    # the same code, on threads
//!
//! With no arguments it asks a server of its own, which takes its time, ten times.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use mixio::Io;
use mixio_tokio::net::TcpListener;
use mixio_tokio::{thread, time};
use ureq::Agent;

/// How long the server of our own takes for an answer.
const DELAY: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    mixio_tokio::run(program)
}

fn program() -> Result<(), Box<dyn Error>> {
    let mut pages: Vec<String> = std::env::args().skip(1).collect();
    if pages.is_empty() {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        pages = (1..=10).map(|number| format!("http://{address}/{number}")).collect();
        thread::spawn(|| serve(listener));
    }

    let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build();
    let agent = mixio_ureq::agent_with(config);
    let start = Instant::now();
    let fetched: Vec<_> = pages
        .into_iter()
        .map(|page| {
            let agent = agent.clone();
            (page.clone(), thread::spawn(move || fetch(&agent, &page)))
        })
        .collect();
    let number = fetched.len();
    for (page, fetched) in fetched {
        match fetched.join().expect("a request doesn't panic") {
            Ok((status, size)) => println!("{page}: {status}, {size} bytes"),
            Err(error) => println!("{page}: {error}"),
        }
    }
    println!("{number} requests in {:.2?}, MIXIO={}", start.elapsed(), Io::current());
    Ok(())
}

/// The status, and the size of the body.
fn fetch(agent: &Agent, page: &str) -> Result<(u16, usize), ureq::Error> {
    let mut response = agent.get(page).call()?;
    let body = response.body_mut().read_to_vec()?;
    Ok((response.status().as_u16(), body.len()))
}

fn serve(listener: TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let mut request = BufReader::new(stream?);
        thread::spawn(move || {
            while request.read_line(&mut String::new())? > 2 {}
            time::sleep(DELAY);
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\nhere you are\n";
            request.get_mut().write_all(answer)
        });
    }
    Ok(())
}
