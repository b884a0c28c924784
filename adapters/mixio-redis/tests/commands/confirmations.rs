//! What the server answers between the messages of channels, and to which command.

use std::time::{Duration, Instant};

use mixio_redis::{Connection, PubSub};
use mixio_test_servers::Redis;
use redis::{Commands, RedisError, RedisResult, cmd};

use super::pub_sub::{is_for_commands, publish};
use super::{connect, name, of_each_protocol};

const SHORT: Option<Duration> = Some(Duration::from_millis(50));
const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// Is there for nobody.
const REFUSED: &str = "secret";
/// A pattern has to be allowed as it is.
const PATTERNS: [&str; 2] = ["these*", "those*"];
const NONE: &[&str] = &[];

/// To a server that refuses [`REFUSED`], one for each version of the protocol.
fn restricted() -> (Redis, [Connection; 2]) {
    let server = Redis::start();
    let user = ["SETUSER", "ann", "on", ">key", "~*", "+@all", "resetchannels", "&name*", "&these*", "&those*"];
    cmd("ACL").arg(&user).exec(&mut mixio_redis::connect(server.url()).unwrap()).unwrap();
    let url = server.url().replace("//", "//ann:key@");
    let connections = ["", "?protocol=resp3"].map(|protocol| {
        let connection = mixio_redis::connect(format!("{url}{protocol}")).unwrap();
        connection.set_read_timeout(LONG).unwrap();
        connection
    });
    (server, connections)
}

fn is_refusal(failure: &RedisError) -> bool {
    failure.code() == Some("NOPERM")
}

fn id(connection: &mut Connection) -> u64 {
    cmd("CLIENT").arg("ID").query(connection).unwrap()
}

/// Makes a reply late. All else that is asked for times out until somebody pushes to this queue.
fn hold_up(connection: &mut Connection) -> String {
    let queue = name();
    connection.set_read_timeout(SHORT).unwrap();
    let outcome: RedisResult<(String, String)> = connection.blpop(&queue, 0.0);
    assert!(outcome.unwrap_err().is_timeout());
    queue
}

/// The server goes on.
fn release(url: &str, queue: &str, pubsub: &PubSub<'_>) {
    let _: () = mixio_redis::connect(url).unwrap().lpush(queue, "late").unwrap();
    pubsub.set_read_timeout(LONG).unwrap();
}

/// Tries until it concerns one.
fn until_one(mut number: impl FnMut() -> usize) {
    let started = Instant::now();
    while number() != 1 {
        assert!(started.elapsed() < LONG.unwrap(), "it concerns nobody");
        mixio_tokio::time::sleep(Duration::from_millis(1));
    }
}

/// The answer to one command isn't taken for that to the next.
pub(crate) fn refused_after_several() {
    let (_server, connections) = restricted();
    for mut connection in connections {
        let all = [name(), name(), name()];
        let mut pubsub = connection.as_pubsub();
        pubsub.subscribe(&all[..]).unwrap();
        assert!(is_refusal(&pubsub.subscribe(REFUSED).unwrap_err()));
        pubsub.psubscribe(&PATTERNS[..]).unwrap();
        assert!(is_refusal(&pubsub.psubscribe(&[PATTERNS[0], REFUSED][..]).unwrap_err()));
        pubsub.unsubscribe(&all[..2]).unwrap();
        assert!(is_refusal(&pubsub.subscribe(REFUSED).unwrap_err()));
        // It takes at least one.
        assert!(pubsub.subscribe(NONE).is_err());
        pubsub.subscribe(&all[0]).unwrap();
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}

/// Nobody says beforehand how many there are.
pub(crate) fn from_all() {
    let (server, connections) = restricted();
    let publish = |channel: &str| -> usize {
        mixio_redis::connect(server.url()).unwrap().publish(channel, format!("to {channel}")).unwrap()
    };
    for mut connection in connections {
        let channels = [name(), name(), name()];
        let mut pubsub = connection.as_pubsub();
        // Where there was nothing that is confirmed too.
        for _ in 0..2 {
            pubsub.unsubscribe(NONE).unwrap();
            pubsub.punsubscribe(NONE).unwrap();
        }
        assert!(is_refusal(&pubsub.subscribe(REFUSED).unwrap_err()));
        pubsub.psubscribe(&PATTERNS[..]).unwrap();
        pubsub.subscribe(&channels[..]).unwrap();
        // Twice is once.
        pubsub.subscribe(&channels[1]).unwrap();
        assert_eq!(publish(&channels[2]), 1);
        for _ in 0..2 {
            pubsub.unsubscribe(NONE).unwrap();
            assert!(is_refusal(&pubsub.subscribe(REFUSED).unwrap_err()));
        }
        assert_eq!((publish(&channels[0]), publish(PATTERNS[0])), (0, 1));
        for _ in 0..2 {
            pubsub.punsubscribe(NONE).unwrap();
            assert!(is_refusal(&pubsub.subscribe(REFUSED).unwrap_err()));
        }
        assert_eq!(publish(PATTERNS[0]), 0);
        for name in [channels[2].as_str(), PATTERNS[0]] {
            assert_eq!(pubsub.get_message().unwrap().get_payload(), Ok(format!("to {name}")));
        }
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}

/// What comes of commands that were given up is not of the next, be it a confirmation or a refusal.
pub(crate) fn given_up() {
    let (server, connections) = restricted();
    for mut connection in connections {
        let (names, queue) = ([name(), name()], hold_up(&mut connection));
        let mut pubsub = connection.as_pubsub();
        for _ in 0..2 {
            assert!(pubsub.subscribe(&names[..]).unwrap_err().is_timeout());
            assert!(pubsub.subscribe(REFUSED).unwrap_err().is_timeout());
            assert!(pubsub.unsubscribe(NONE).unwrap_err().is_timeout());
            assert!(pubsub.ping::<()>().unwrap_err().is_timeout());
        }
        release(&server.url(), &queue, &pubsub);
        pubsub.subscribe(&names[0]).unwrap();
        assert!(is_refusal(&pubsub.subscribe(REFUSED).unwrap_err()));
        drop(pubsub);
        is_for_commands(&mut connection);

        // Nor in the way of a connection that has no subscriptions any longer.
        let queue = hold_up(&mut connection);
        let mut pubsub = connection.as_pubsub();
        assert!(pubsub.subscribe(REFUSED).unwrap_err().is_timeout());
        release(&server.url(), &queue, &pubsub);
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}

/// Of a subscription that was given up, and whoever waits for its messages is told.
pub(crate) fn refused_late() {
    let (server, connections) = restricted();
    for mut connection in connections {
        let queue = hold_up(&mut connection);
        let mut pubsub = connection.as_pubsub();
        assert!(pubsub.subscribe(REFUSED).unwrap_err().is_timeout());
        release(&server.url(), &queue, &pubsub);
        assert!(is_refusal(&pubsub.get_message().unwrap_err()));
        pubsub.subscribe(name()).unwrap();
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}

/// A late reply to what was asked before.
pub(crate) fn late_error() {
    // The server may not have begun with what was given up.
    let end = |id| until_one(|| cmd("CLIENT").arg("UNBLOCK").arg(id).arg("ERROR").query(&mut connect()).unwrap());
    for mut connection in of_each_protocol() {
        let (channel, id) = (name(), id(&mut connection));
        hold_up(&mut connection);
        let mut pubsub = connection.as_pubsub();
        assert!(pubsub.subscribe(&channel).unwrap_err().is_timeout());
        end(id);
        pubsub.set_read_timeout(LONG).unwrap();
        pubsub.subscribe(name()).unwrap();
        assert_eq!(publish(&channel, "heard"), 1);
        assert_eq!(pubsub.get_message().unwrap().get_payload(), Ok("heard".to_string()));
        drop(pubsub);
        is_for_commands(&mut connection);

        hold_up(&mut connection);
        let mut pubsub = connection.as_pubsub();
        assert!(pubsub.subscribe(&channel).unwrap_err().is_timeout());
        end(id);
        pubsub.set_read_timeout(LONG).unwrap();
        until_one(|| publish(&channel, "heard again"));
        assert_eq!(pubsub.get_message().unwrap().get_payload(), Ok("heard again".to_string()));
        drop(pubsub);
        is_for_commands(&mut connection);

        hold_up(&mut connection);
        let mut pubsub = connection.as_pubsub();
        assert!(pubsub.subscribe(&channel).unwrap_err().is_timeout());
        end(id);
        pubsub.set_read_timeout(LONG).unwrap();
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}
