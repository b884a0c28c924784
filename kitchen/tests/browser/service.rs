//! The kitchen that cooks the orders, and does as the order says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::browser::PATIENCE;

/// It refuses what is called `refused`, is vague about what is called `vague`, lets what is called `slow` wait, and has what is called
/// `ready` there in no time.
pub(crate) struct Service {
    pub(crate) url: String,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opens: Condvar,
}

impl Service {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let service = Service { url, gate: Arc::default() };
        let gate = service.gate.clone();
        // It goes on until the test program ends.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let gate = gate.clone();
                thread::spawn(move || answer(stream.unwrap(), &gate));
            }
        });
        service
    }

    /// From here on, what is slow is ready.
    pub(crate) fn cook(&self) {
        *self.gate.is_open.lock().unwrap() = true;
        self.gate.opens.notify_all();
    }
}

/// Answers one request. If the other side goes away meanwhile, that is its affair.
fn answer(stream: TcpStream, gate: &Gate) -> Option<()> {
    let mut reader = BufReader::new(&stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).ok()?;
    let form = String::from_utf8(form).unwrap();
    if form.contains("slow") {
        let is_open = gate.is_open.lock().unwrap();
        let (is_open, _) = gate.opens.wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open).unwrap();
        assert!(*is_open, "it is never cooked");
    }
    let id: u64 = form.strip_prefix("order_id=")?.split('&').next()?.parse().unwrap();
    let (status, body) = match form.as_str() {
        form if form.contains("refused") => ("400 Bad Request", String::new()),
        form if form.contains("vague") => ("500 Internal Server Error", String::new()),
        form => {
            let mins = if form.contains("ready") { 0 } else { 25 + id * 7 % 30 };
            ("201 Created", format!("{{\"order_id\": {id}, \"mins\": {mins}}}"))
        }
    };
    let length = body.len();
    write!(&stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").ok()
}
