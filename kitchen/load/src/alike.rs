//! Whether the contestants are the same service: the same requests, one after the other, get the same answers from each, and
//! leave the same rows; and who is connected by WebSocket is told the same.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::LocalRuntime;

use tungstenite::Message;

use crate::Error;
use crate::contestants::Contestant;
use crate::http::Connection;
use crate::stage::{Row, Stage};

/// What a contestant does.
#[derive(Debug, PartialEq)]
pub struct Behaviour {
    /// By request: the status, and for 200 the body.
    answers: Vec<(String, String)>,
    /// What a WebSocket's user is told of an order.
    notification: String,
    rows: Vec<Row>,
}

/// Asks a contestant.
///
/// # Errors
///
/// If it doesn't answer.
pub fn behaviour(stage: &Stage, contestant: &Contestant) -> Result<Behaviour, Error> {
    let scene = stage.start(contestant, 1)?;
    let address = scene.contestant.address;
    let answers = requests().iter().map(|request| answer(address, request)).collect::<Result<_, Error>>()?;
    let notification = notification(address)?;
    let rows = scene.rows()?;
    scene.close()?;
    Ok(Behaviour { answers, notification, rows })
}

/// The answer to a request: the status, and for 200 the body. What an error says is for people.
fn answer(server: SocketAddr, request: &str) -> Result<(String, String), Error> {
    LocalRuntime::new()?.block_on(async {
        // After some errors a connection isn't kept.
        let mut connection = Connection::new(TcpStream::connect(server).await?)?;
        connection.send(request.as_bytes()).await?;
        let answer = connection.receive().await?.ok_or_else(|| format!("no answer to {request:?}"))?;
        let status = answer.start.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = if status == "200" { String::from_utf8_lossy(answer.body).into_owned() } else { String::new() };
        Ok((status, body))
    })
}

/// What a user is told whose WebSocket is open, when two others and then this one order.
fn notification(server: SocketAddr) -> Result<String, Error> {
    let stream = std::net::TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (mut socket, _) = tungstenite::client(format!("ws://{server}/ws/?user=dora"), stream)?;
    for user in ["eve", "anonymous", "dora"] {
        answer(server, &form("POST /", &format!("user={user}&details=cake")))?;
    }
    let text = loop {
        match socket.read()? {
            Message::Text(text) => break text.as_str().to_owned(),
            Message::Ping(_) => {}
            other => return Err(format!("{other:?} from the WebSocket").into()),
        }
    };
    socket.close(None)?;
    Ok(text)
}

/// Compares two contestants.
///
/// # Errors
///
/// With the first request that they answer differently.
pub fn compare(one: &Behaviour, other: &Behaviour) -> Result<(), Error> {
    for (request, (one, other)) in requests().iter().zip(one.answers.iter().zip(&other.answers)) {
        if one != other {
            return Err(format!("{one:?} and {other:?} are the answers to {request:?}").into());
        }
    }
    if one.notification != other.notification {
        return Err(format!("{:?} and {:?} are what they notify of", one.notification, other.notification).into());
    }
    if one.rows != other.rows {
        return Err(format!("they leave these orders: {:?}, and these: {:?}", one.rows, other.rows).into());
    }
    Ok(())
}

/// A request with a form.
fn form(line: &str, body: &str) -> String {
    let kind = "content-type: application/x-www-form-urlencoded";
    format!("{line} HTTP/1.1\r\nhost: kitchen\r\n{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Orders, and what is none.
fn requests() -> Vec<String> {
    let head = |line: &str, header: &str| format!("{line} HTTP/1.1\r\nhost: kitchen\r\n{header}\r\n");
    vec![
        form("POST /", "user=ann&details=pizza"),
        form("POST /?user=bob", "details=a+%C3%BC%25"),
        form("POST /?user=bob&details=soup", "user=eve&details=+cake+"),
        form("POST /", "details=a&details=b"),
        form("POST /", "details=100%"),
        head("GET /?user=bob&details=soup", ""),
        head("GET /?details=soup", "cookie: a=b; user=carol%20x\r\n"),
        head("GET /?details=soup&user=+", "cookie: user=carol\r\n"),
        head("GET /?details=soup", "cookie: user=%FF\r\n"),
        form("POST /", ""),
        form("POST /", "user=ann"),
        form("POST /", "details=+"),
        form("POST /", "details=%FF"),
        form("POST /", "details=pizza&%FF=1"),
        form("POST /?%FF", "details=pizza"),
        form("POST /", "details=%01"),
        form("POST /", "details=pizza&user=%00"),
        form("POST /", &format!("details=pizza&user={}", "x".repeat(65))),
        form("POST /", &format!("details=pizza&user={}", "%C3%BC".repeat(64))),
        form("POST /", &format!("details={}", "x".repeat(4096))),
        form("POST /", &format!("details={}", "x".repeat(4097))),
        "POST / HTTP/1.1\r\nhost: kitchen\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}".into(),
        form("POST /", "user=ann&details=pizza&token=abc"),
        form("POST /", "user=ann&details=pizza&token=abc"),
        form("POST /", "user=bob&details=pizza&token=abc"),
        form("POST /", "user=ann&details=soup&token=abc"),
        form("POST /", "details=pizza&token="),
        form("POST /", "details=pizza&token=a+b"),
        form("POST /", &format!("details=pizza&token={}", "x".repeat(65))),
        form("PUT /", "details=pizza"),
        head("GET /nowhere/", ""),
        head("GET /ws/", ""),
        head("GET /ws/?user=%FF", ""),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let behaviour = |status: &str, rows: Vec<Row>| Behaviour {
            answers: vec![(status.into(), "".into())],
            notification: status.len().to_string(),
            rows,
        };
        let row = Row { id: 1, user: "a".into(), details: "b".into(), status: "placed".into(), mins: None };
        compare(&behaviour("200", vec![]), &behaviour("200", vec![])).unwrap();
        compare(&behaviour("200", vec![]), &behaviour("400", vec![])).unwrap_err();
        compare(&behaviour("200", vec![]), &behaviour("200", vec![row])).unwrap_err();
        let other = Behaviour { notification: "".into(), ..behaviour("200", vec![]) };
        compare(&behaviour("200", vec![]), &other).unwrap_err();
    }
}
