//! A session that says goodbye over its connection, however the function that has it is left.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mixio::io::Waiting;
use mixio::{as_async, try_resource, wait};
use smol::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use smol::net::{TcpListener, TcpStream};

async fn log_in(server: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(b"hello\n").await?;
    Ok(stream)
}

/// Goes back and forth: the guard waits for that when it is dropped.
async fn log_out(mut stream: TcpStream) -> io::Result<String> {
    stream.write_all(b"bye\n").await?;
    let mut answer = String::new();
    smol::io::BufReader::new(stream).read_line(&mut answer).await?;
    println!("the server says {answer:?}");
    Ok(answer)
}

/// Plain code: an early return, or a panic, logs out as well.
fn order(server: SocketAddr, cups: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let mut session = try_resource(log_in(server), log_out)?;
    let cups: u32 = cups.parse()?;
    assert!(cups < 100, "that is a lot of coffee");
    wait(session.write_all(format!("{cups} cups\n").as_bytes()))?;
    Ok(cups)
}

/// Writes down what each of the sessions says.
fn serve(listener: TcpListener, sessions: usize) -> io::Result<Vec<String>> {
    let mut heard = Vec::new();
    for _ in 0..sessions {
        let (stream, _) = wait(listener.accept())?;
        let mut stream = BufReader::new(Waiting::futures(stream));
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            heard.push(line.trim_end().to_owned());
            if line == "bye\n" {
                stream.get_mut().write_all(b"goodbye\n")?;
                break;
            }
        }
    }
    Ok(heard)
}

fn main() -> io::Result<()> {
    let heard = smol::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?;
        let guests = as_async(move || {
            assert_eq!(order(server, "3").expect("a number"), 3);
            assert!(order(server, "three").is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| order(server, "1000"))).is_err());
        });
        smol::future::zip(as_async(|| serve(listener, 3)), guests).await.0
    })?;
    assert_eq!(heard, ["hello", "3 cups", "bye", "hello", "bye", "hello", "bye"]);
    println!("three sessions, and each was closed");
    Ok(())
}
