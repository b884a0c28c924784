//! `cook`: the kitchen service. It takes a while for each order, and keeps a log of those that it was asked for.
//!
//! It is not what is compared, so it does as little as possible: one thread, no framework.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use clap::Parser as _;
use kitchen_load::http::Connection;
use tokio::net::TcpListener;
use tokio::runtime::LocalRuntime;
use tokio::task::spawn_local;
use tokio::time::sleep;

/// The kitchen service: POST a form with `order_id`; GET /log
#[derive(clap::Parser)]
struct Settings {
    /// The address to listen at
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How many milliseconds it takes to answer
    #[arg(long, value_name = "MILLISECONDS", default_value = "200")]
    delay: u64,
}

/// The orders it was asked for, as they came, and how many minutes it said.
type Log = RefCell<Vec<(u64, u64)>>;

fn main() -> io::Result<()> {
    let settings = Settings::parse();
    LocalRuntime::new()?.block_on(async {
        let listener = TcpListener::bind(settings.listen).await?;
        println!("open at http://{}/", listener.local_addr()?);
        let delay = Duration::from_millis(settings.delay);
        let log = Rc::new(Log::default());
        loop {
            let (stream, _) = listener.accept().await?;
            let connection = Connection::new(stream)?;
            let log = log.clone();
            spawn_local(async move {
                if let Err(error) = serve(connection, &log, delay).await {
                    eprintln!("cook: {error}");
                }
            });
        }
    })
}

async fn serve(mut connection: Connection, log: &Log, delay: Duration) -> io::Result<()> {
    let mut answer = String::with_capacity(256);
    while let Some(request) = connection.receive().await? {
        answer.clear();
        if request.start.starts_with("GET /log ") {
            let log = serde_json::to_string(&*log.borrow())?;
            write(&mut answer, "200 OK", &log);
        } else if let Some(order_id) = order_id(request.body).filter(|_| request.start.starts_with("POST ")) {
            let mins = minutes(order_id);
            log.borrow_mut().push((order_id, mins));
            sleep(delay).await;
            write(&mut answer, "201 Created", &format!("{{\"mins\":{mins},\"order_id\":{order_id}}}"));
        } else {
            write(&mut answer, "400 Bad Request", "{}");
        }
        connection.send(answer.as_bytes()).await?;
    }
    Ok(())
}

fn order_id(form: &[u8]) -> Option<u64> {
    form_urlencoded::parse(form).find(|(name, _)| name == "order_id")?.1.parse().ok()
}

/// The same order takes the same time. Spreads neighbouring numbers over the range.
fn minutes(order_id: u64) -> u64 {
    30 + (order_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 30
}

fn write(answer: &mut String, status: &str, json: &str) {
    let length = json.len();
    let head = "content-type: application/json\r\ncontent-length";
    write!(answer, "HTTP/1.1 {status}\r\n{head}: {length}\r\n\r\n{json}").expect("a string takes all");
}
