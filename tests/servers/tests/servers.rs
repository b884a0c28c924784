//! The servers start, forget nothing that is committed when they crash, and end.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use mixio_test_servers::{Chromedriver, Port, Postgres, Process, Redis};

#[test]
fn postgres() {
    let postgres = Postgres::start(&["max_connections=20"]);
    let database = postgres.database();
    postgres.execute(&database, "CREATE TABLE t AS SELECT 42 AS answer");
    postgres.crash();
    postgres.restart();
    assert_eq!(postgres.execute(&database, "SELECT answer FROM t"), "42");
    assert_eq!(postgres.execute(&database, "SHOW max_connections"), "20");
    assert_ne!(postgres.database(), database);
    let address = database.split(['@', '/']).nth(3).unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    drop(postgres);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn redis() {
    let redis = Redis::start();
    let url = redis.url();
    let address = url.split('/').nth(2).unwrap();
    redis.crash();
    assert!(TcpStream::connect(address).is_err());
    redis.restart();
    assert!(TcpStream::connect(address).is_ok());
    drop(redis);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_port_is_nobody_elses() {
    let port = Port::reserve(Ipv4Addr::LOCALHOST);
    let refused = || TcpStream::connect(port.address()).unwrap_err().kind();
    assert_eq!(refused(), ErrorKind::ConnectionRefused);
    let listener = TcpListener::bind(port.address()).unwrap();
    assert!(TcpStream::connect(port.address()).is_ok());
    drop(listener);
    // A program that another test starts has all that is open here, until it is executed.
    let started = Instant::now();
    while TcpStream::connect(port.address()).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(60), "somebody listens still");
    }
    assert_eq!(refused(), ErrorKind::ConnectionRefused);
    let others: Vec<_> = (0..500).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    assert!(others.iter().all(|other| other.local_addr().unwrap() != port.address()));
}

#[test]
fn process() {
    // Any program that listens, and gets its port by its environment.
    let process = Process::start(Ipv4Addr::LOCALHOST, |address, folder| {
        assert!(folder.is_dir());
        let mut command = Command::new("sh");
        command.args(["-c", "exec chromedriver --port=$PORT"]).env("PORT", address.port().to_string());
        command
    });
    let (address, folder) = (process.address(), process.folder().to_owned());
    process.crash();
    assert!(TcpStream::connect(address).is_err());
    process.restart();
    assert!(TcpStream::connect(address).is_ok());
    drop(process);
    assert!(TcpStream::connect(address).is_err());
    assert!(!folder.exists());
}

/// Starts a browser, and gives the folder of its profile.
fn open_browser(driver: &Chromedriver) -> String {
    let (browser, arguments) = (driver.browser(), driver.arguments());
    let options = format!("{{\"binary\": {browser:?}, \"args\": {arguments:?}}}");
    let body = format!("{{\"capabilities\": {{\"alwaysMatch\": {{\"goog:chromeOptions\": {options}}}}}}}");
    let address = driver.url().split_off("http://".len());
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(stream, "POST /session HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    let profile =
        arguments.into_iter().find_map(|argument| Some(argument.strip_prefix("--user-data-dir=")?.to_owned()));
    profile.unwrap()
}

const PATIENCE: Duration = Duration::from_secs(60);

/// How many processes were told of this folder.
fn count(folder: &str) -> usize {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|process| fs::read(process.ok()?.path().join("cmdline")).ok());
    processes.filter(|line| String::from_utf8_lossy(line).contains(folder)).count()
}

#[test]
fn browsers_end_with_their_driver_also_if_the_test_is_killed() {
    const KILLED: &str = "MIXIO_TEST_IS_KILLED";
    if env::var_os(KILLED).is_some() {
        let driver = Chromedriver::start();
        println!("\nprofile: {}", open_browser(&driver));
        loop {
            thread::park();
        }
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", "browsers_end_with_their_driver_also_if_the_test_is_killed"])
        .env(KILLED, "1");
    let mut test = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let profile = lines.map(Result::unwrap).find_map(|line| Some(line.strip_prefix("profile: ")?.to_owned()));
    let profile = profile.expect("the test starts a browser");
    let folder = Path::new(&profile).parent().unwrap();
    assert!(count(&profile) > 1 && folder.exists());
    test.kill().unwrap();
    test.wait().unwrap();
    let start = Instant::now();
    while count(&profile) > 0 || folder.exists() {
        assert!(start.elapsed() < PATIENCE, "there are {} processes left", count(&profile));
        thread::sleep(Duration::from_millis(20));
    }
}
