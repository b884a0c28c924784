//! What the server has still to answer between the messages of channels.

use std::collections::VecDeque;

use redis::{PushKind, Value};

/// The answers to come to commands of a [`PubSub`](crate::PubSub), in the order in which those were sent: also to those that
/// have been given up, so that nothing of theirs is taken for the answer to another.
#[derive(Debug, Default)]
pub(crate) struct Due {
    answers: VecDeque<Answer>,
    /// To how many it is subscribed, as the confirmations tell.
    channels: i64,
    patterns: i64,
}

/// What an answer consists of, unless it is an error.
#[derive(Debug)]
pub(crate) enum Answer {
    /// So many confirmations of this kind: one for each name.
    Each(PushKind, usize),
    /// Confirmations of this kind until none is left; one that says so if there was none.
    All(PushKind),
    /// What comes of a PING.
    Pong,
}

impl Due {
    /// A command has been sent.
    pub(crate) fn push(&mut self, answer: Answer) {
        self.answers.push_back(answer);
    }

    /// Whether all have been answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Takes notice of what the server has said; gives whether the oldest of the commands is answered by it, to the end.
    pub(crate) fn hear(&mut self, said: &Value) -> bool {
        let confirmed = confirmed(said);
        if let Some((kind, total)) = &confirmed {
            self.count(kind, *total);
        }
        let (channels, patterns) = (self.channels, self.patterns);
        let Some(oldest) = self.answers.front_mut() else { return false };
        let is_answered = match (oldest, confirmed) {
            // It is one for the whole command.
            _ if matches!(said, Value::ServerError(_)) => true,
            (Answer::Each(kind, left), Some((confirmed, _))) if *kind == confirmed => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            (Answer::All(kind), Some((confirmed, _))) if *kind == confirmed => {
                (if is_of_patterns(kind) { patterns } else { channels }) <= 0
            }
            (Answer::Pong, None) => is_pong(said),
            _ => false,
        };
        if is_answered {
            self.answers.pop_front();
        }
        is_answered
    }

    /// The server tells how many channels and patterns there are, together.
    fn count(&mut self, kind: &PushKind, total: i64) {
        if is_of_patterns(kind) {
            self.patterns = total - self.channels;
        } else {
            self.channels = total - self.patterns;
        }
    }
}

fn is_of_patterns(kind: &PushKind) -> bool {
    matches!(kind, PushKind::PSubscribe | PushKind::PUnsubscribe)
}

/// Of what kind a confirmation is, and how many subscriptions there are after it.
fn confirmed(said: &Value) -> Option<(PushKind, i64)> {
    let (kind, total) = match said {
        Value::Push { kind, data } => (kind.clone(), data.get(1)?),
        Value::Array(items) => {
            let kind = match items.first()? {
                Value::BulkString(kind) => match kind.as_slice() {
                    b"subscribe" => PushKind::Subscribe,
                    b"psubscribe" => PushKind::PSubscribe,
                    b"unsubscribe" => PushKind::Unsubscribe,
                    b"punsubscribe" => PushKind::PUnsubscribe,
                    _ => return None,
                },
                _ => return None,
            };
            (kind, items.get(2)?)
        }
        _ => return None,
    };
    match (&kind, total) {
        (
            PushKind::Subscribe | PushKind::PSubscribe | PushKind::Unsubscribe | PushKind::PUnsubscribe,
            Value::Int(total),
        ) => Some((kind, *total)),
        _ => None,
    }
}

/// Whether it is what a PING is answered with: in RESP2, while there is a subscription, that is an array.
fn is_pong(said: &Value) -> bool {
    match said {
        Value::Push { .. } => false,
        Value::Array(items) => matches!(items.first(), Some(Value::BulkString(kind)) if kind == b"pong"),
        _ => true,
    }
}
