//! Clients that ask until they get an answer, by the same token each time, as the page does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::SockRef;

use super::PATIENCE;

/// What a client was told at last.
pub(crate) struct Answer {
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) mins: String,
    /// How often it had to ask, but for when it was killed itself.
    asked: usize,
    killed: bool,
}

/// What became of one request.
pub(crate) enum Outcome {
    Taken {
        id: String,
        mins: String,
    },
    /// The client was killed in the middle.
    Killed,
    /// An error, or no answer at all.
    Failed,
}

/// Places so many orders, by so many clients at once.
pub(crate) fn order(address: SocketAddr, seed: u64, clients: usize, orders: usize) -> Vec<Answer> {
    let next = AtomicUsize::new(0);
    let one_client = |client: usize| {
        let mut random = fastrand::Rng::with_seed(seed ^ client as u64);
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)).filter(|&number| number < orders));
        numbers.map(|number| insist(address, format!("token-{number}"), &mut random)).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || one_client(client))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

pub(crate) fn summary(answers: &[Answer]) -> String {
    let again = answers.iter().filter(|answer| answer.asked > 1).count();
    let killed = answers.iter().filter(|answer| answer.killed).count();
    format!("of which {again} had to be placed again, and {killed} clients were killed")
}

fn insist(address: SocketAddr, token: String, random: &mut fastrand::Rng) -> Answer {
    let started = Instant::now();
    let (mut asked, mut killed) = (0, false);
    loop {
        assert!(started.elapsed() < 2 * PATIENCE, "{token} is not answered");
        match place(address, &token, !killed && random.u8(..) < 8) {
            Outcome::Taken { id, mins } => return Answer { token, id, mins, asked: asked + 1, killed },
            Outcome::Killed => killed = true,
            Outcome::Failed => asked += 1,
        }
        sleep(Duration::from_millis(random.u64(10..200)));
    }
}

/// One request. If the client is to be killed, that happens at some moment before the answer.
pub(crate) fn place(address: SocketAddr, token: &str, is_killed: bool) -> Outcome {
    try_place(address, token, is_killed).unwrap_or(Outcome::Failed)
}

fn try_place(address: SocketAddr, token: &str, is_killed: bool) -> std::io::Result<Outcome> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let form = format!("user=ann&details=pizza&token={}", token.replace(' ', "-"));
    let length = form.len();
    let kind = "content-type: application/x-www-form-urlencoded";
    let head = format!("POST / HTTP/1.1\r\nhost: kitchen\r\nconnection: close\r\n{kind}\r\ncontent-length: {length}");
    stream.write_all(format!("{head}\r\n\r\n{form}").as_bytes())?;
    if is_killed {
        sleep(Duration::from_millis(fastrand::u64(0..25)));
        // Closed so that the server gets to know at once.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        return Ok(Outcome::Killed);
    }
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let body = reply.strip_prefix("HTTP/1.1 200 ").and_then(|reply| reply.split_once("\r\n\r\n"));
    let answer = body.and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
    Ok(match answer {
        Some(answer) => Outcome::Taken { id: answer["order_id"].to_string(), mins: answer["mins"].to_string() },
        None => Outcome::Failed,
    })
}
