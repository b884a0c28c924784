//! Notifications over real WebSockets.

use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::client::{PATIENCE, post};
use super::host::Host;

pub(crate) fn connect(address: SocketAddr, query: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::client(format!("ws://{address}/ws/{query}"), stream).unwrap().0
}

/// The next notification, whatever else comes.
pub(crate) fn next(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("not a notification: {other:?}"),
        }
    }
}

fn order(host: &Host, user: &str) -> Value {
    let reply = post(host.address, "/", &format!("details=pizza&user={user}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[test]
fn they_come_to_all_sockets_of_the_user_and_to_no_other() {
    let host = Host::new(&["--workers", "2"]);
    let mut phone = connect(host.address, "?user=ann");
    let mut laptop = connect(host.address, "?user=ann");
    let mut other = connect(host.address, "?user=bob");
    for _ in 0..3 {
        let when = order(&host, "ann");
        assert_eq!(next(&mut phone), when);
        assert_eq!(next(&mut laptop), when);
    }
    // If any of ann's had come here, they would come before this.
    let when = order(&host, "bob");
    assert_eq!(next(&mut other), when);
}

#[test]
fn who_has_no_name_is_told_too() {
    let host = Host::new(&[]);
    let mut socket = connect(host.address, "");
    let reply = post(host.address, "/", "details=pizza");
    assert_eq!(next(&mut socket), reply.json());
}

#[test]
fn those_who_leave_are_forgotten() {
    let host = Host::new(&[]);
    let mut gone = connect(host.address, "?user=ann");
    let mut polite = connect(host.address, "?user=ann");
    let mut stays = connect(host.address, "?user=ann");
    polite.close(None).unwrap();
    assert!(matches!(polite.read().unwrap(), Message::Close(_) | Message::Ping(_)));
    gone.get_mut().shutdown(std::net::Shutdown::Both).unwrap();
    for _ in 0..3 {
        let when = order(&host, "ann");
        assert_eq!(next(&mut stays), when);
    }
}

#[test]
fn pings_are_answered() {
    let host = Host::new(&[]);
    let mut socket = connect(host.address, "?user=ann");
    socket.send(Message::Ping("are you there".into())).unwrap();
    let answer = loop {
        match socket.read().unwrap() {
            Message::Ping(_) => {}
            other => break other,
        }
    };
    assert_eq!(answer, Message::Pong("are you there".into()));
    // What a client says besides is ignored, unless it is far too much.
    socket.send(Message::Text("hello".into())).unwrap();
    let when = order(&host, "ann");
    assert_eq!(next(&mut socket), when);
    let _ = socket.send(Message::Text("x".repeat(100_000).into()));
    while socket.read().is_ok() {}
}

#[test]
fn they_end_with_the_server() {
    let mut host = Host::new(&[]);
    let mut socket = connect(host.address, "?user=ann");
    let when = order(&host, "ann");
    assert_eq!(next(&mut socket), when);
    host.stop();
    let code = loop {
        match socket.read().unwrap() {
            Message::Ping(_) => {}
            Message::Close(frame) => break frame.unwrap().code,
            other => panic!("not the end: {other:?}"),
        }
    };
    assert_eq!(code, CloseCode::Away);
}
