//! Kitchens that do as they are told. Each request is answered on a thread of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::client::PATIENCE;

/// What a kitchen has been asked for.
pub(crate) struct FakeKitchen {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FakeKitchen {
    /// `answer` gets the form that is posted, and gives all that is to be sent.
    pub(crate) fn new(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::with_end(answer, drop)
    }

    /// As [`new`](Self::new), but when that is sent, it says nothing more and leaves the end to the other side.
    pub(crate) fn falling_silent(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::with_end(answer, wait_for_end)
    }

    fn with_end(answer: impl Fn(&str) -> String + Send + Sync + 'static, end: fn(TcpStream)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kitchen = FakeKitchen { url, requests: requests.clone() };
        let answer = Arc::new(answer);
        // It goes on until the test program ends.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, requests) = (answer.clone(), requests.clone());
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    serve(&stream, &requests, &*answer);
                    end(stream);
                });
            }
        });
        kitchen
    }

    /// The forms that were posted.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, requests: &Mutex<Vec<String>>, answer: &dyn Fn(&str) -> String) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.is_empty() {
            return;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut form = vec![0; length];
    if reader.read_exact(&mut form).is_err() {
        return;
    }
    let form = String::from_utf8(form).unwrap();
    requests.lock().unwrap().push(form.clone());
    // The other side may have lost its patience.
    let _ = stream.write_all(answer(&form).as_bytes());
}

/// Until the other side closes, or the test has failed for certain.
fn wait_for_end(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE * 2)).unwrap();
    // It may close in a way that is an error here.
    let _ = stream.read(&mut [0]);
}

pub(crate) fn reply(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// A proper answer to this form.
pub(crate) fn created(form: &str, mins: u32) -> String {
    let id = form.strip_prefix("order_id=").unwrap().split('&').next().unwrap();
    reply("201 Created", &format!("{{\"order_id\": {id}, \"mins\": {mins}}}"))
}

/// A kitchen that tells when it gets an order, and answers when it is told to.
pub(crate) fn patient_kitchen() -> (FakeKitchen, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (asked, is_asked) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let kitchen = FakeKitchen::new(move |form| {
        asked.send(()).unwrap();
        may_go_on.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        created(form, 40)
    });
    (kitchen, is_asked, go_on)
}
