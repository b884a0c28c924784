//! Ways in, and those that are closed.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use mixio_redis::Client;
use mixio_test_servers::{Port, Redis};
use redis::{Commands, ConnectionLike, IntoConnectionInfo, RedisError, cmd};

use super::{connect, name, server};

fn failure(url: &str) -> RedisError {
    mixio_redis::connect(url).map(|_| ()).unwrap_err()
}

pub(crate) fn databases() {
    for protocol in ["", "?protocol=resp3"] {
        let key = name();
        let mut third = mixio_redis::connect(format!("{}3{protocol}", server().url())).unwrap();
        assert_eq!(third.get_db(), 3);
        let _: () = third.set(&key, "in the third").unwrap();
        assert_eq!(connect().get(&key), Ok(None::<String>));
        let refused = failure(&format!("{}999{protocol}", server().url()));
        assert!(refused.to_string().contains("out of range"), "{refused}");
    }
}

pub(crate) fn passwords() {
    let server = Redis::start();
    let mut admin = mixio_redis::connect(server.url()).unwrap();
    let user = ["SETUSER", "ann", "on", ">her own", "~*", "+@all"];
    cmd("ACL").arg(&user).exec(&mut admin).unwrap();
    cmd("CONFIG").arg("SET").arg("requirepass").arg("secret").exec(&mut admin).unwrap();

    let url = |login: &str, protocol: &str| server.url().replace("//", &format!("//{login}")) + protocol;
    for protocol in ["", "?protocol=resp3"] {
        for (login, user) in [(":secret@", "default"), ("default:secret@", "default"), ("ann:her%20own@", "ann")] {
            let mut connection = mixio_redis::connect(url(login, protocol)).unwrap();
            assert_eq!(cmd("ACL").arg("WHOAMI").query(&mut connection), Ok(user.to_string()));
        }
        let refused = failure(&url(":guessed@", protocol));
        assert!(refused.to_string().contains("WRONGPASS") || refused.to_string().contains("invalid"), "{refused}");
    }
    assert_eq!(failure(&url(":guessed@", "")).kind(), redis::ErrorKind::AuthenticationFailed);
    let mut stranger = mixio_redis::connect(server.url()).unwrap();
    assert_eq!(stranger.get::<_, String>("key").unwrap_err().code(), Some("NOAUTH"));
}

pub(crate) fn unix() {
    let url = format!("{}?db=2", server().unix_url());
    let client = Client::open(url.as_str()).unwrap();
    assert_eq!(client.get_connection_info().redis_settings().db(), 2);
    for limit in [None, Some(Duration::from_secs(100))] {
        let mut connection = match limit {
            None => client.get_connection().unwrap(),
            Some(limit) => client.get_connection_with_timeout(limit).unwrap(),
        };
        let key = name();
        assert_eq!(connection.set(&key, "by a file"), Ok(()));
        assert_eq!(connection.get(&key), Ok("by a file".to_string()));
        assert!(connection.is_open());
    }
}

pub(crate) fn refused() {
    let port = Port::reserve(Ipv4Addr::LOCALHOST);
    let nobody = port.address();
    let refused = failure(&format!("redis://{nobody}/"));
    assert!(refused.is_connection_refusal(), "{refused}");
    let client = Client::open(format!("redis://{nobody}/")).unwrap();
    let refused = client.get_connection_with_timeout(Duration::from_secs(100)).map(|_| ()).unwrap_err();
    assert!(refused.is_connection_refusal(), "{refused}");
    assert!(failure("redis+unix:///nowhere/at/all").is_io_error());
}

pub(crate) fn not_supported() {
    let info = "redis://127.0.0.1/".into_connection_info().unwrap();
    let tls = redis::ConnectionAddr::TcpTls { host: "127.0.0.1".into(), port: 1, insecure: false, tls_params: None };
    let refused = mixio_redis::connect(info.set_addr(tls)).map(|_| ()).unwrap_err();
    assert_eq!(refused.kind(), redis::ErrorKind::InvalidClientConfig);
}

pub(crate) fn bad_urls() {
    for url in ["", "redis", "http://127.0.0.1/", "redis://127.0.0.1/no number"] {
        assert_eq!(failure(url).kind(), redis::ErrorKind::InvalidClientConfig, "{url}");
    }
}

/// It lets in, and says nothing.
pub(crate) fn silent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::open(format!("redis://{}/", listener.local_addr().unwrap())).unwrap();
    let refused = client.get_connection_with_timeout(Duration::from_millis(100)).map(|_| ()).unwrap_err();
    assert!(refused.is_timeout(), "{refused}");
    let refused = client.get_connection_with_timeout(Duration::from_nanos(1)).map(|_| ()).unwrap_err();
    assert!(refused.is_timeout(), "{refused}");
}

pub(crate) fn no_such_name() {
    assert!(failure("redis://nowhere.invalid/").is_io_error());
    let client = Client::open("redis://nowhere.invalid/").unwrap();
    let refused = client.get_connection_with_timeout(Duration::from_secs(100)).map(|_| ()).unwrap_err();
    assert!(refused.is_io_error() && !refused.is_timeout(), "{refused}");
    let here = server().url().replace("127.0.0.1", "localhost");
    let client = Client::open(here).unwrap();
    assert!(client.get_connection_with_timeout(Duration::from_secs(100)).unwrap().is_open());
}
