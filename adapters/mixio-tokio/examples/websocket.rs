//! tungstenite as it is, a synchronous library, over sockets that wait: a server and its clients, many at once.
//!
//!     cargo run --release -p mixio-tokio --example websocket -- 500
//!     MIXIO=blocking cargo run --release -p mixio-tokio --example websocket -- 500    # the same code, on threads

use std::error::Error;
use std::time::{Duration, Instant};

use mixio::Io;
use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::{thread, time};
use tungstenite::{Error as WsError, Message, WebSocket, accept, client};

type Failure = Box<dyn Error + Send + Sync>;

/// How long the server thinks about each message.
const DELAY: Duration = Duration::from_millis(20);

const MESSAGES: u32 = 10;

fn main() -> Result<(), Failure> {
    mixio_tokio::run(program)
}

fn program() -> Result<(), Failure> {
    let number = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(100);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(|| serve(listener));

    let start = Instant::now();
    let clients: Vec<_> = (0..number)
        .map(|_| {
            thread::spawn(move || {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                let url = format!("ws://{address}/");
                let (socket, _) = client(url, stream).map_err(|error| error.to_string())?;
                talk(socket)
            })
        })
        .collect();
    for client in clients {
        client.join().expect("a client doesn't panic")?;
    }
    let took = start.elapsed();
    println!("{number} clients, {MESSAGES} answers for each: {took:.2?}, MIXIO={}", Io::current());
    Ok(())
}

fn serve(listener: TcpListener) -> Result<(), Failure> {
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        thread::spawn(move || answer(accept(stream).map_err(|error| error.to_string())?));
    }
    Ok(())
}

/// Says again what it hears, in capital letters.
fn answer(mut socket: WebSocket<TcpStream>) -> Result<(), Failure> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                time::sleep(DELAY);
                socket.send(Message::text(text.to_uppercase()))?;
            }
            Ok(_) => {}
            Err(WsError::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn talk(mut socket: WebSocket<TcpStream>) -> Result<(), Failure> {
    for number in 1..=MESSAGES {
        socket.send(Message::text(format!("message {number}")))?;
        assert_eq!(socket.read()?, Message::text(format!("MESSAGE {number}")));
    }
    // Says goodbye, and hears it.
    socket.close(None)?;
    loop {
        match socket.read() {
            Ok(_) => {}
            Err(WsError::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
