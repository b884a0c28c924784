//! Bodies that are read and written bit by bit.

use std::cell::Cell;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use actix_web::test::TestRequest;
use actix_web::{FromRequest as _, HttpResponse, web};
use mixio::wait;
use mixio_actix::{BodyError, BodyReader, handler, stream};

use super::host::Host;
use super::http::{Client, PATIENCE, get};

fn upload(body: BodyReader) -> Result<String, BodyError> {
    let mut text = String::new();
    body.limit(10).read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn a_limit() {
    let host = Host::new(|config| {
        config.route("/", web::post().to(handler(upload)));
        config.route(
            "/default",
            web::post().to(handler(|mut body: BodyReader| {
                io::copy(&mut body, &mut io::sink()).map(|size| size.to_string()).map_err(BodyError::from)
            })),
        );
    });
    let post = |path: &str, body: &str| Client::new(host.address).post(path, "text/plain", body);
    post("/", "").assert(200, "");
    post("/", "0123456789").assert(200, "0123456789");
    post("/", "0123456789+").assert(413, "payload reached size limit");
    let whole = "x".repeat(256 << 10);
    post("/default", &whole).assert(200, &whole.len().to_string());
    assert_eq!(post("/default", &(whole + "x")).status, 413);
}

/// What has come by then is not exempt from it.
#[test]
fn a_limit_that_is_set_late() {
    let (line, rest) = ("a line\n", "x".repeat(5_000));
    // All of it is one piece.
    let after_a_line = || {
        let (request, mut payload) = TestRequest::post().set_payload(format!("{line}{rest}")).to_http_parts();
        let mut body = BodyReader::from_request(&request, &mut payload).into_inner().unwrap();
        let mut text = String::new();
        body.read_line(&mut text).unwrap();
        assert_eq!(text, line);
        body
    };
    for body in [after_a_line(), after_a_line().limit(5_000), after_a_line().limit(100).limit(5_000)] {
        assert_eq!(io::read_to_string(body).unwrap(), rest);
    }
    for limit in [0, 100, 4_999] {
        let mut body = after_a_line().limit(limit);
        for _ in 0..2 {
            assert_eq!(body.read(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
        // Half a body isn't taken for a whole one.
        assert_eq!(body.limit(5_000).fill_buf().unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}

#[test]
fn a_body_is_read_as_it_comes() {
    let (tell, told) = mpsc::channel();
    let host = Host::new(move |config| {
        let tell = tell.clone();
        let view = move |body: BodyReader| {
            let mut lines = 0;
            for line in body.lines() {
                tell.send(line.map_err(|error| error.kind())).unwrap();
                lines += 1;
            }
            lines.to_string()
        };
        config.route("/", web::post().to(handler(view)));
    });
    let mut client = Client::new(host.address);
    client.send("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    for line in ["one", "two", "three"] {
        client.send(format!("{:x}\r\n{line}\n\r\n", line.len() + 1));
        assert_eq!(told.recv_timeout(PATIENCE).unwrap().as_deref(), Ok(line));
    }
    client.send("0\r\n\r\n");
    client.receive().assert(200, "3");
}

#[test]
fn a_body_that_breaks_off_is_an_error_ever_after() {
    let (tell, told) = mpsc::channel();
    let host = Host::new(move |config| {
        let tell = tell.clone();
        let view = move |mut body: BodyReader| {
            let mut buffer = [0; 10];
            assert_eq!(body.read(&mut []).unwrap(), 0);
            let first = body.read(&mut buffer).unwrap();
            tell.send(format!("{first}")).unwrap();
            for _ in 0..3 {
                tell.send(format!("{:?}", body.read(&mut buffer).unwrap_err().kind())).unwrap();
            }
            "too late"
        };
        config.route("/", web::post().to(handler(view)));
    });
    let mut client = Client::new(host.address);
    client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nhello");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "5");
    client.reset();
    for _ in 0..3 {
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "UnexpectedEof");
    }
}

#[test]
fn a_body_is_written_bit_by_bit() {
    let host = Host::new(|config| {
        let view = || {
            HttpResponse::Ok().body(stream(|body| {
                write!(body, "one ")?;
                body.flush()?;
                body.flush()?;
                wait(tokio::task::yield_now());
                write!(body, "two ")?;
                body.send(web::Bytes::new())?;
                body.send(web::Bytes::from_static(b"three "))?;
                body.write_all(&[b'x'; 20_000])
            }))
        };
        config
            .route("/", web::get().to(handler(view)))
            .route("/none", web::get().to(handler(|| HttpResponse::Ok().body(stream(|_| Ok(()))))));
    });
    let mut client = Client::new(host.address);
    for _ in 0..2 {
        client.get("/").assert(200, &format!("one two three {}", "x".repeat(20_000)));
        client.get("/none").assert(200, "");
    }
}

/// The producer stands still if nobody reads, and goes on when somebody does.
#[test]
fn back_pressure() {
    const PIECE: usize = 64 << 10;
    const PIECES: usize = 1000;
    let written = Arc::new(AtomicUsize::new(0));
    let host = {
        let written = written.clone();
        Host::new(move |config| {
            let written = written.clone();
            let view = move || {
                let written = written.clone();
                HttpResponse::Ok().body(stream(move |body| {
                    for _ in 0..PIECES {
                        body.send(vec![b'x'; PIECE].into())?;
                        written.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(())
                }))
            };
            config.route("/", web::get().to(handler(view))).route("/ping", web::get().to(handler(|| "pong")));
        })
    };
    let mut client = Client::new(host.address);
    client.begin_get("/");
    // Until it writes no more.
    let mut before = 0;
    loop {
        sleep(Duration::from_millis(100));
        get(host.address, "/ping").assert(200, "pong");
        match written.load(Ordering::SeqCst) {
            now if now > 0 && now == before => break,
            now => before = now,
        }
    }
    // Far less than all: what the sockets hold, which the kernel decides.
    assert!(before < PIECES * 3 / 4, "{before}");
    // What is left then is little more than what each piece is framed with, for which the sockets have room.
    client.skip(PIECE * PIECES);
    let started = Instant::now();
    while written.load(Ordering::SeqCst) < PIECES {
        assert!(started.elapsed() < PATIENCE, "{written:?}");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_body_that_fails_breaks_off() {
    let host = Host::new(|config| {
        let error = || {
            HttpResponse::Ok().body(stream(|body| {
                write!(body, "half")?;
                body.flush()?;
                Err(io::Error::other("on purpose"))
            }))
        };
        let panic = || {
            HttpResponse::Ok().body(stream(|body| {
                write!(body, "half")?;
                body.flush()?;
                panic!("on purpose")
            }))
        };
        config
            .route("/error", web::get().to(handler(error)))
            .route("/panic", web::get().to(handler(panic)))
            .route("/", web::get().to(handler(|| "fine")));
    });
    for path in ["/error", "/panic"] {
        let mut client = Client::new(host.address);
        client.begin_get(path);
        // Whatever has come of it, the end has not.
        let broken = client.try_receive().unwrap_err();
        assert!(!broken.ends_with("0\r\n\r\n"), "{broken:?}");
        get(host.address, "/").assert(200, "fine");
    }
}

#[test]
fn a_body_whose_client_leaves_is_unwound() {
    struct Tell(mpsc::Sender<&'static str>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.send("dropped").unwrap();
        }
    }
    let (tell, told) = mpsc::channel();
    let host = Host::new(move |config| {
        let tell = tell.clone();
        let view = move || {
            let tell = Tell(tell.clone());
            HttpResponse::Ok().body(
                stream(move |body| {
                    write!(body, "begun")?;
                    body.flush()?;
                    let _tell = tell;
                    let number = Cell::new(0);
                    loop {
                        number.set(number.get() + 1);
                        writeln!(body, "{}", number.get())?;
                    }
                })
                .named("endless")
                .stack_size(256 << 10),
            )
        };
        config.route("/", web::get().to(handler(view)));
    });
    let mut client = Client::new(host.address);
    client.begin_get("/");
    client.skip(1000);
    client.reset();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("dropped"));
}
