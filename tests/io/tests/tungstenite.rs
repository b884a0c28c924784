//! tungstenite's client and server, each a plain function, on one thread.

use std::io::{Read, Write};

use mixio::as_async;
use mixio::io::Waiting;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message};

/// Echoes text, and sums what is binary, until the client closes.
fn serve(stream: impl Read + Write) -> Option<CloseFrame> {
    let mut socket = tungstenite::accept(stream).expect("a handshake");
    let mut closed = None;
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => socket.send(Message::Text(text)).unwrap(),
            Ok(Message::Binary(bytes)) => {
                let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
                socket.send(Message::text(sum.to_string())).unwrap();
            }
            Ok(Message::Close(frame)) => closed = frame,
            Ok(_) => {}
            Err(Error::ConnectionClosed) => break closed,
            Err(error) => panic!("the server: {error}"),
        }
    }
}

fn ask(stream: impl Read + Write) {
    let (mut socket, response) = tungstenite::client("ws://localhost/", stream).expect("a handshake");
    assert_eq!(response.status(), 101);
    for number in 0..100 {
        socket.send(Message::text(format!("message {number}"))).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(format!("message {number}")));
    }
    // More than the sockets hold.
    socket.send(Message::binary(vec![1; 8 << 20])).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text((8 << 20).to_string()));
    socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "done".into() })).unwrap();
    loop {
        match socket.read() {
            Ok(message) => assert!(message.is_close(), "{message}"),
            Err(Error::ConnectionClosed) => break,
            Err(error) => panic!("the client: {error}"),
        }
    }
}

#[tokio::test]
async fn over_tokio() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let server = as_async(move || serve(Waiting::tokio(server)));
    let client = as_async(move || ask(Waiting::tokio(client)));
    let (closed, ()) = tokio::join!(server, client);
    assert_eq!(closed.unwrap().reason, "done");
}

#[test]
fn over_smol() {
    smol::block_on(async {
        let listener = smol::Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let client = smol::Async::<std::net::TcpStream>::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let server = as_async(move || serve(Waiting::futures(server)));
        let client = as_async(move || ask(Waiting::futures(client)));
        let (closed, ()) = smol::future::zip(server, client).await;
        assert_eq!(closed.unwrap().reason, "done");
    });
}
