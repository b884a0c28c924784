//! An echo server and its clients, written as for a thread each. One setting says whether they get one:
//!
//!     cargo run --release -p mixio-tokio --example echo -- 1000
//!     MIXIO=blocking cargo run --release -p mixio-tokio --example echo -- 1000

use std::io::{self, Read, Write};

use mixio::Io;
use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::thread;

fn main() -> io::Result<()> {
    mixio_tokio::run(program) // The only line that is not as with std, but for the imports.
}

fn program() -> io::Result<()> {
    let clients = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(100);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(listener, clients));

    // All connect before the first says something.
    let streams = (0..clients).map(|_| TcpStream::connect(address)).collect::<io::Result<Vec<_>>>()?;
    let talks: Vec<_> = streams.into_iter().map(|stream| thread::spawn(|| talk(stream))).collect();
    println!("{clients} clients, MIXIO={}, {}", Io::current(), threads());
    for talk in talks {
        talk.join().expect("a client doesn't panic")?;
    }
    server.join().expect("the server doesn't panic")
}

fn serve(listener: TcpListener, clients: usize) -> io::Result<()> {
    for stream in listener.incoming().take(clients) {
        let stream = stream?;
        thread::spawn(|| echo(stream));
    }
    Ok(())
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let size = stream.read(&mut buffer)?;
        if size == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..size])?;
    }
}

fn talk(mut stream: TcpStream) -> io::Result<()> {
    for number in 0..10 {
        let line = format!("line {number}\n");
        stream.write_all(line.as_bytes())?;
        let mut answer = vec![0; line.len()];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, line.as_bytes());
    }
    Ok(())
}

/// How many threads this process has, where there is a way to find out.
fn threads() -> String {
    match std::fs::read_dir("/proc/self/task") {
        Ok(tasks) => format!("threads: {}", tasks.count()),
        Err(_) => "on some threads".into(),
    }
}
