//! Replies that come too late.

use std::time::Duration;

use redis::{Commands, ConnectionLike, RedisResult, cmd, pipe};

use super::{connect, name, of_each_protocol};

const SHORT: Option<Duration> = Some(Duration::from_millis(50));
const LONG: Option<Duration> = Some(Duration::from_secs(100));

/// It isn't taken for the reply to the next command.
pub(crate) fn late_reply() {
    for mut connection in of_each_protocol() {
        let queue = name();
        connection.set_read_timeout(SHORT).unwrap();
        for _ in 0..3 {
            let outcome: RedisResult<(String, String)> = connection.blpop(&queue, 0.0);
            let failure = outcome.unwrap_err();
            assert!(failure.is_timeout(), "{failure}");
            assert!(connection.is_open());
            // The reply to this one waits for that to the first.
            assert!(cmd("ECHO").arg("first").query::<String>(&mut connection).unwrap_err().is_timeout());

            let _: () = connect().lpush(&queue, "late").unwrap();
            connection.set_read_timeout(LONG).unwrap();
            assert_eq!(cmd("ECHO").arg("second").query(&mut connection), Ok("second".to_string()));
            connection.set_read_timeout(SHORT).unwrap();
        }
    }
}

pub(crate) fn late_replies_of_a_pipeline() {
    for mut connection in of_each_protocol() {
        let queue = name();
        connection.set_read_timeout(SHORT).unwrap();
        let mut commands = pipe();
        commands.cmd("ECHO").arg("one").cmd("BLPOP").arg(&queue).arg(0).cmd("ECHO").arg("two").cmd("ECHO").arg("three");
        assert!(commands.query::<redis::Value>(&mut connection).unwrap_err().is_timeout());
        let _: () = connect().lpush(&queue, "late").unwrap();
        connection.set_read_timeout(None).unwrap();
        for word in ["four", "five"] {
            assert_eq!(cmd("ECHO").arg(word).query(&mut connection), Ok(word.to_string()));
        }
    }
}

pub(crate) fn in_time() {
    let (mut connection, queue) = (connect(), name());
    connection.set_read_timeout(LONG).unwrap();
    connection.set_write_timeout(LONG).unwrap();
    assert_eq!(connection.blpop(&queue, 0.05), Ok(None::<(String, String)>));
    let _: () = connect().rpush(&queue, "there").unwrap();
    assert_eq!(connection.blpop(&queue, 100.0), Ok(Some((queue, "there".to_string()))));
}

pub(crate) fn zero() {
    let connection = connect();
    assert!(connection.set_read_timeout(Some(Duration::ZERO)).is_err());
    assert!(connection.set_write_timeout(Some(Duration::ZERO)).is_err());
    assert!(connection.is_open());
}
