//! Commands that succeed, and those that the server refuses.

use std::collections::{BTreeMap, BTreeSet};

use mixio_redis::Connection;
use redis::{Commands, ConnectionLike, ErrorKind, RedisError, RedisResult, Script, Value, cmd, pipe, transaction};

use super::{connect, name, of_each_protocol};

pub(crate) fn values() {
    for mut connection in of_each_protocol() {
        let key = name();
        assert_eq!(connection.get(&key), Ok(None::<String>));
        assert_eq!(connection.set(&key, 41), Ok(()));
        assert_eq!(connection.incr(&key, 1), Ok(42));
        assert_eq!(connection.get(&key), Ok("42".to_string()));
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(connection.set(&key, &bytes), Ok(()));
        assert_eq!(connection.get(&key), Ok(bytes));
        assert_eq!(connection.del(&key), Ok(1));
        assert_eq!(connection.hset_multiple(&key, &[("one", 1), ("two", 2)]), Ok(()));
        assert_eq!(connection.hgetall(&key), Ok(BTreeMap::from([("one".to_string(), 1), ("two".to_string(), 2)])));
        assert_eq!(connection.xadd(format!("{key} stream"), "1-1", &[("field", "value")]), Ok("1-1".to_string()));
        assert_eq!(cmd("PING").query(&mut connection), Ok("PONG".to_string()));
        assert!(connection.check_connection() && connection.is_open());
        assert_eq!(connection.get_db(), 0);
    }
}

/// More than the sockets' buffers take.
pub(crate) fn large() {
    let value: Vec<u8> = (0..16 << 20).map(|n: u32| (n % 251) as u8).collect();
    let (mut connection, key) = (connect(), name());
    let _: () = connection.set(&key, &value).unwrap();
    let again: Vec<u8> = connection.get(&key).unwrap();
    assert!(again == value);
    let _: () = connection.del(&key).unwrap();
}

/// The connection isn't the worse for it.
pub(crate) fn errors() {
    for mut connection in of_each_protocol() {
        let key = name();
        let _: () = connection.set(&key, "a text").unwrap();
        let failure = connection.lpush(&key, 1).map(|(): ()| ()).unwrap_err();
        assert_eq!(failure.code(), Some("WRONGTYPE"));
        assert_eq!(connection.req_packed_command(b"").unwrap_err().kind(), ErrorKind::Client);
        let failure: RedisError = connection.get::<_, u32>(&key).unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Parse);
        assert_eq!(connection.get(&key), Ok("a text".to_string()));
        assert!(connection.is_open());
    }
}

pub(crate) fn pipelines() {
    for mut connection in of_each_protocol() {
        let key = name();
        let mut commands = pipe();
        for number in 0..10_000 {
            commands.rpush(&key, number).ignore();
        }
        let (length, last): (usize, Vec<usize>) =
            commands.llen(&key).lrange(&key, -2, -1).query(&mut connection).unwrap();
        assert_eq!((length, last), (10_000, vec![9_998, 9_999]));

        // One that is refused doesn't keep the others' replies from being read.
        let outcome: RedisResult<(i32, i32)> = pipe().llen(&key).incr(&key, 1).query(&mut connection);
        assert!(outcome.is_err());
        assert_eq!(connection.llen(&key), Ok(10_000));
        assert_eq!(pipe().query::<()>(&mut connection).unwrap_err().kind(), ErrorKind::Client);
        assert!(connection.is_open());
    }
}

pub(crate) fn transactions() {
    for mut connection in of_each_protocol() {
        let key = name();
        let outcome: (i32, i32) =
            pipe().atomic().set(&key, 1).ignore().incr(&key, 1).incr(&key, 10).query(&mut connection).unwrap();
        assert_eq!(outcome, (2, 12));
    }
}

/// Another changes the key between the look and the change: once.
pub(crate) fn contended() {
    for mut connection in of_each_protocol() {
        let (mut other, key) = (connect(), name());
        let _: () = connection.set(&key, 1).unwrap();
        let mut tries = 0;
        let (outcome,): (i32,) = transaction(&mut connection, &[&key], |connection: &mut Connection, commands| {
            tries += 1;
            let before: i32 = connection.get(&key)?;
            if tries == 1 {
                let _: () = other.set(&key, 10)?;
            }
            commands.set(&key, before + 1).ignore().get(&key).query(connection)
        })
        .unwrap();
        assert_eq!((outcome, tries), (11, 2));
    }
}

/// Nothing of it is done, and the connection goes on.
pub(crate) fn refused_transactions() {
    for mut connection in of_each_protocol() {
        let key = name();
        let mut commands = pipe();
        commands.atomic().set(&key, 1).ignore().cmd("NOSUCHCOMMAND").arg(1).incr(&key, 1);
        let failure = commands.query::<Value>(&mut connection).unwrap_err();
        assert!(failure.to_string().contains("NOSUCHCOMMAND"), "{failure}");
        assert_eq!(connection.get(&key), Ok(None::<String>));
        assert!(connection.is_open());
    }
}

pub(crate) fn scripts() {
    let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for mut connection in of_each_protocol() {
        let key = name();
        for expected in [5, 10] {
            assert_eq!(script.key(&key).arg(5).invoke(&mut connection), Ok(expected));
        }
    }
}

pub(crate) fn iterators() {
    for mut connection in of_each_protocol() {
        let key = name();
        let all: BTreeSet<usize> = (0..5_000).collect();
        let _: () = connection.sadd(&key, &all).unwrap();
        let scanned: RedisResult<BTreeSet<usize>> = connection.sscan(&key).unwrap().collect();
        assert_eq!(scanned.unwrap(), all);
    }
}

pub(crate) fn resp3() {
    let [mut old, mut new] = of_each_protocol();
    let key = name();
    let _: () = old.hset(&key, "field", "value").unwrap();
    assert!(matches!(cmd("HGETALL").arg(&key).query(&mut old), Ok(Value::Array(_))));
    assert!(matches!(cmd("HGETALL").arg(&key).query(&mut new), Ok(Value::Map(_))));
}

/// One command, and replies without an end.
pub(crate) fn monitor() {
    let server = mixio_test_servers::Redis::start();
    let mut connection = mixio_redis::connect(server.url()).unwrap();
    connection.send_packed_command(&cmd("MONITOR").get_packed_command()).unwrap();
    assert_eq!(connection.recv_response(), Ok(Value::Okay));
    let mut other = mixio_redis::connect(server.url()).unwrap();
    let _: () = other.set("watched", 1).unwrap();
    loop {
        let Value::SimpleString(line) = connection.recv_response().unwrap() else { panic!("it isn't a line") };
        if line.contains(r#""SET" "watched""#) {
            break;
        }
    }
}
