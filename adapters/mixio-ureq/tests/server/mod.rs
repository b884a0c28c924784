//! HTTP servers by hand, on threads of std's, which do what a test wants.
#![allow(dead_code, reason = "each test file is a crate of its own, and uses some of this")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server that listens until the process ends.
pub(crate) struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

/// The server's end of a connection.
pub(crate) struct Peer(BufReader<Box<dyn Stream>>);

pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// The line and the headers of a request.
pub(crate) type Head = (String, Vec<(String, String)>);

#[derive(Debug)]
pub(crate) struct Request {
    /// `GET /path HTTP/1.1`.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// Has each connection served on a thread of its own. The number says which it is, from zero.
    pub(crate) fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, accepted) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (serve, count) = (Arc::new(serve), accepted.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                thread::spawn(move || serve(stream, number));
            }
        });
        Server { address, accepted }
    }

    /// Answers all requests that come.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Server::start(move |stream, _| Peer::new(stream).answer_all(&answer))
    }

    /// The same, by TLS.
    pub(crate) fn tls(config: Arc<ServerConfig>, answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Server::start(move |stream, _| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            Peer::new(StreamOwned::new(connection, stream)).answer_all(&answer);
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections there were so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Peer {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Peer(BufReader::new(Box::new(stream)))
    }

    /// The next request, or `None` at the end of the connection.
    pub(crate) fn request(&mut self) -> io::Result<Option<Request>> {
        let Some((line, headers)) = self.head()? else { return Ok(None) };
        let header = |name: &str| headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str());
        let mut body = Vec::new();
        if let Some(length) = header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.0.read_exact(&mut body)?;
        } else if header("transfer-encoding") == Some("chunked") {
            self.read_chunks(&mut body)?;
        }
        Ok(Some(Request { line, headers, body }))
    }

    /// The same, without its body.
    pub(crate) fn head(&mut self) -> io::Result<Option<Head>> {
        let line = self.line()?;
        if line.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let header = self.line()?;
            let Some((name, value)) = header.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Ok(Some((line, headers)))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)?;
        self.0.get_mut().flush()
    }

    pub(crate) fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(buffer)
    }

    /// Waits until the client has closed the connection.
    pub(crate) fn until_closed(&mut self) {
        while matches!(self.0.read(&mut [0; 4096]), Ok(size) if size > 0) {}
    }

    fn answer_all(mut self, answer: &dyn Fn(&Request) -> Vec<u8>) {
        // An error is that the client is gone.
        while let Ok(Some(request)) = self.request() {
            if self.send(&answer(&request)).is_err() {
                break;
            }
        }
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).unwrap();
            let start = body.len();
            body.resize(start + size, 0);
            self.0.read_exact(&mut body[start..])?;
            assert_eq!(self.line()?, "");
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str())
    }
}

/// A good answer.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    response("200 OK", &[], body.as_ref())
}

pub(crate) fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut response = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        response.push_str(&format!("{name}: {value}\r\n"));
    }
    response.push_str("\r\n");
    [response.as_bytes(), body].concat()
}
