//! Channels.

use std::mem::forget;
use std::time::Duration;

use mixio_redis::Connection;
use redis::{Commands, ConnectionLike, ControlFlow, PubSubCommands, cmd};

use super::{connect, name, of_each_protocol};

/// To how many it went.
pub(super) fn publish(channel: &str, message: &str) -> usize {
    connect().publish(channel, message).unwrap()
}

/// Nothing is left over from before.
pub(super) fn is_for_commands(connection: &mut Connection) {
    assert!(connection.is_open());
    for word in ["one", "two"] {
        assert_eq!(cmd("ECHO").arg(word).query(connection), Ok(word.to_string()));
    }
}

pub(crate) fn channels() {
    for mut connection in of_each_protocol() {
        let (news, sport) = (name(), name());
        let mut pubsub = connection.as_pubsub();
        pubsub.subscribe(&news).unwrap();
        assert_eq!(publish(&news, "first"), 1);
        assert_eq!(publish(&sport, "unheard"), 0);
        // What came before the confirmation isn't lost.
        pubsub.subscribe(&sport).unwrap();
        assert_eq!(publish(&sport, "second"), 1);
        for (channel, text) in [(&news, "first"), (&sport, "second")] {
            let message = pubsub.get_message().unwrap();
            assert_eq!((message.get_channel_name(), message.get_payload()), (channel.as_str(), Ok(text.to_string())));
        }
        pubsub.unsubscribe(&news).unwrap();
        assert_eq!(publish(&news, "unheard"), 0);
        assert_eq!(publish(&sport, "third"), 1);
        assert_eq!(pubsub.get_message().unwrap().get_payload(), Ok("third".to_string()));
        drop(pubsub);
        assert_eq!(publish(&sport, "unheard"), 0);
        is_for_commands(&mut connection);
    }
}

pub(crate) fn patterns() {
    for mut connection in of_each_protocol() {
        let prefix = name();
        let mut pubsub = connection.as_pubsub();
        pubsub.psubscribe(format!("{prefix}*")).unwrap();
        assert_eq!(publish(&format!("{prefix}!"), "matches"), 1);
        let message = pubsub.get_message().unwrap();
        assert_eq!(message.get_pattern(), Ok(format!("{prefix}*")));
        assert_eq!(message.get_payload(), Ok("matches".to_string()));
        pubsub.punsubscribe(format!("{prefix}*")).unwrap();
        assert_eq!(publish(&format!("{prefix}!"), "unheard"), 0);
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}

/// Each is confirmed on its own.
pub(crate) fn several_at_once() {
    for mut connection in of_each_protocol() {
        let all = [name(), name(), name()];
        let mut pubsub = connection.as_pubsub();
        pubsub.subscribe(&all[..]).unwrap();
        all.iter().for_each(|channel| assert_eq!(publish(channel, channel), 1));
        for channel in &all {
            assert_eq!(pubsub.get_message().unwrap().get_payload().as_ref(), Ok(channel));
        }
        pubsub.unsubscribe(&all[..2]).unwrap();
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}

/// With messages that nobody has taken.
pub(crate) fn back_to_commands() {
    for mut connection in of_each_protocol() {
        for _ in 0..3 {
            let channel = name();
            let mut pubsub = connection.as_pubsub();
            pubsub.subscribe(&channel).unwrap();
            (0..10).for_each(|_| assert_eq!(publish(&channel, "unread"), 1));
            drop(pubsub);
            is_for_commands(&mut connection);
        }
        // It has done nothing.
        drop(connection.as_pubsub());
        is_for_commands(&mut connection);
    }
}

pub(crate) fn timeout() {
    for mut connection in of_each_protocol() {
        let channel = name();
        let mut pubsub = connection.as_pubsub();
        pubsub.subscribe(&channel).unwrap();
        pubsub.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        for _ in 0..2 {
            assert!(pubsub.get_message().unwrap_err().is_timeout());
        }
        pubsub.set_read_timeout(None).unwrap();
        assert_eq!(publish(&channel, "patience"), 1);
        assert_eq!(pubsub.get_message().unwrap().get_payload(), Ok("patience".to_string()));
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}

/// It can't unsubscribe then, and the next command does.
pub(crate) fn forgotten() {
    for mut connection in of_each_protocol() {
        let channel = name();
        let mut pubsub = connection.as_pubsub();
        pubsub.subscribe(&channel).unwrap();
        forget(pubsub);
        assert_eq!(publish(&channel, "in the way"), 1);
        is_for_commands(&mut connection);
        assert_eq!(publish(&channel, "unheard"), 0);
    }
}

pub(crate) fn closures() {
    for mut connection in of_each_protocol() {
        let channel = name();
        let publisher = {
            let channel = channel.clone();
            mixio_tokio::thread::spawn(move || {
                while publish(&channel, "one") == 0 {
                    mixio_tokio::time::sleep(Duration::from_millis(1));
                }
                publish(&channel, "two");
            })
        };
        let mut heard = Vec::new();
        let outcome = connection.subscribe(&channel, |message| {
            heard.push(message.get_payload::<String>().unwrap());
            if heard.len() < 2 { ControlFlow::Continue } else { ControlFlow::Break("enough") }
        });
        assert_eq!(outcome, Ok("enough"));
        assert_eq!(heard, ["one", "two"]);
        publisher.join().unwrap();
        let prefix = name();
        let publisher = {
            let prefix = prefix.clone();
            mixio_tokio::thread::spawn(move || {
                while publish(&format!("{prefix} and more"), "once") == 0 {
                    mixio_tokio::time::sleep(Duration::from_millis(1));
                }
            })
        };
        let outcome = connection.psubscribe(format!("{prefix}*"), |_| ControlFlow::Break(()));
        assert_eq!(outcome, Ok(()));
        publisher.join().unwrap();
        is_for_commands(&mut connection);
    }
}

pub(crate) fn killed() {
    for mut connection in of_each_protocol() {
        let id: u64 = cmd("CLIENT").arg("ID").query(&mut connection).unwrap();
        let mut pubsub = connection.as_pubsub();
        pubsub.subscribe(name()).unwrap();
        assert_eq!(cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(&mut connect()), Ok(1));
        assert!(pubsub.get_message().unwrap_err().is_connection_dropped());
        drop(pubsub);
        assert!(!connection.is_open());
    }
}

/// What is answered is the protocol's.
pub(crate) fn ping() {
    for (mut connection, is_array) in of_each_protocol().into_iter().zip([true, false]) {
        let channel = name();
        assert_eq!(connection.as_pubsub().ping(), Ok("PONG".to_string()));
        is_for_commands(&mut connection);
        let mut pubsub = connection.as_pubsub();
        assert_eq!(pubsub.ping_message("anybody?"), Ok("anybody?".to_string()));
        pubsub.subscribe(&channel).unwrap();
        assert_eq!(publish(&channel, "kept"), 1);
        for _ in 0..2 {
            if is_array {
                assert_eq!(pubsub.ping(), Ok(("pong".to_string(), String::new())));
                assert_eq!(pubsub.ping_message("anybody?"), Ok(("pong".to_string(), "anybody?".to_string())));
            } else {
                assert_eq!(pubsub.ping(), Ok("PONG".to_string()));
                assert_eq!(pubsub.ping_message("anybody?"), Ok("anybody?".to_string()));
            }
        }
        assert!(pubsub.ping_message::<()>(&["one", "too many"]).is_err());
        assert!(pubsub.ping::<u8>().is_err());
        pubsub.ping::<redis::Value>().unwrap();
        assert_eq!(pubsub.get_message().unwrap().get_payload(), Ok("kept".to_string()));
        drop(pubsub);
        is_for_commands(&mut connection);
    }
}
