//! The servers start, forget nothing that is committed when they crash, and end.

use std::net::TcpStream;

use mixio_test_servers::{Postgres, Redis};

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
