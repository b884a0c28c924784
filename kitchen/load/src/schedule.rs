//! Which runs there are, and in which order: the contestants in turns, round after round.

use std::time::Duration;

use crate::contestants::{self, Contestant};
use crate::crowd::Plan;
use crate::stage::DELAY;

/// How thoroughly to measure.
pub struct Effort {
    /// How many rounds there are.
    pub rounds: usize,
    /// How many clients there are at once.
    pub clients: Vec<usize>,
    /// The longest window.
    window: Duration,
}

impl Effort {
    /// For figures: in less than six minutes.
    pub fn full() -> Effort {
        Effort { rounds: 5, clients: vec![10, 100, 1_000, 5_000], window: Duration::MAX }
    }

    /// To see whether everything runs, and whether the orders agree.
    pub fn quick() -> Effort {
        Effort { rounds: 1, clients: vec![10, 200], window: Duration::from_millis(400) }
    }

    fn plan(&self, clients: usize) -> Plan {
        // With as many clients as the processors can bear it takes seconds until orders come and go evenly.
        let (warm_up, window) = match clients {
            ..1_000 => (500, 2_000),
            1_000..5_000 => (1_000, 2_500),
            _ => (2_000, 3_000),
        };
        Plan {
            clients,
            spread: Duration::from_millis(DELAY).max(Duration::from_micros(400) * clients as u32),
            warm_up: Duration::from_millis(warm_up).min(self.window),
            window: Duration::from_millis(window).min(self.window),
        }
    }
}

/// A run to come.
pub struct Turn {
    /// The round that it belongs to.
    pub round: usize,
    /// Who serves.
    pub contestant: &'static Contestant,
    /// Whom.
    pub plan: Plan,
}

/// How many clients there are where mixio is judged beside threads.
pub const JUDGED: usize = 1_000;

/// All runs.
pub fn turns(effort: &Effort) -> Vec<Turn> {
    let mut turns = Vec::new();
    for round in 0..effort.rounds {
        for &clients in &effort.clients {
            let plan = effort.plan(clients);
            // Who is first in one round is last in the next.
            let mut all: Vec<_> = contestants::ALL.into_iter().filter(|one| takes_part(one, round, clients)).collect();
            if round % 2 == 1 {
                all.reverse();
            }
            turns.extend(all.into_iter().map(|contestant| Turn { round, contestant, plan }));
        }
    }
    turns
}

/// A pool of threads answers what arithmetic says, and with many clients takes long to do so. So it takes part in the first
/// round only, but for where it is judged.
fn takes_part(contestant: &Contestant, round: usize, clients: usize) -> bool {
    contestant.at_once.is_none() || round == 0 || clients == JUDGED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants::{MIXIO, NATIVE, THREADS};

    #[test]
    fn rounds_are_alike() {
        let effort = Effort::full();
        let turns = turns(&effort);
        let rounds = |contestant: &Contestant, clients| {
            let mine = turns.iter().filter(|turn| turn.contestant.name == contestant.name);
            mine.filter(|turn| turn.plan.clients == clients).map(|turn| turn.round).collect::<Vec<_>>()
        };
        for &clients in &effort.clients {
            assert_eq!(rounds(&MIXIO, clients), [0, 1, 2, 3, 4]);
            assert_eq!(rounds(&NATIVE, clients), [0, 1, 2, 3, 4]);
        }
        assert_eq!(rounds(&THREADS, JUDGED), [0, 1, 2, 3, 4]);
        assert_eq!(rounds(&THREADS, 10), [0]);
    }
}
