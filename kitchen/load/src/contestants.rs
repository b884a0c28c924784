//! Who takes part, and how each is started.

/// A server to be measured: the same service for all.
pub struct Contestant {
    /// What it is called in tables and plots.
    pub name: &'static str,
    /// Its program.
    pub program: &'static str,
    /// Its environment.
    pub settings: &'static [(&'static str, &'static str)],
    /// What it is told besides what all are told.
    arguments: &'static [&'static str],
    /// How many orders it can have with the kitchen service at once, if that is limited.
    pub at_once: Option<usize>,
}

/// How many database connections each has.
pub const CONNECTIONS: usize = 16;

/// The kitchen's views on one event loop.
pub const MIXIO: Contestant = Contestant {
    name: "mixio",
    program: "kitchen",
    settings: &[("MIXIO", "async"), QUIET],
    arguments: &["--workers", "1", "--kitchen-timeout", "60s"],
    at_once: None,
};

/// The same service, written by hand with `async` and `.await`.
pub const NATIVE: Contestant = Contestant {
    name: "native async",
    program: "native",
    settings: &[QUIET],
    arguments: &["--kitchen-timeout", "60"],
    at_once: None,
};

/// The kitchen's views, the same binary, on a pool of threads.
pub const THREADS: Contestant = Contestant {
    name: "64 threads",
    program: "kitchen",
    settings: &[("MIXIO", "blocking"), QUIET],
    arguments: &["--workers", "1", "--kitchen-timeout", "60s", "--threads", "64"],
    at_once: Some(64),
};

/// The same on a pool of more threads than are usual.
pub const MORE_THREADS: Contestant = Contestant {
    name: "256 threads",
    program: "kitchen",
    settings: &[("MIXIO", "blocking"), QUIET],
    arguments: &["--workers", "1", "--kitchen-timeout", "60s", "--threads", "256"],
    at_once: Some(256),
};

/// All of them.
pub const ALL: [&Contestant; 4] = [&MIXIO, &NATIVE, &THREADS, &MORE_THREADS];

/// A line of log for each order is not what is compared.
const QUIET: (&str, &str) = ("KITCHEN_LOG", "warn");

impl Contestant {
    /// Its command line.
    pub fn arguments(&self, database: &str, kitchen_service: &str) -> Vec<String> {
        let connections = CONNECTIONS.to_string();
        let all = ["--listen", "127.0.0.1:0", "--database", database, "--kitchen-service", kitchen_service];
        let all = all.into_iter().chain(["--connections", &connections]);
        all.chain(self.arguments.iter().copied()).map(Into::into).collect()
    }

    /// The most requests a second that are possible, if each waits so many seconds for the kitchen service.
    pub fn ceiling(&self, clients: usize, delay: f64) -> f64 {
        clients.min(self.at_once.unwrap_or(usize::MAX)) as f64 / delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic() {
        assert_eq!(MIXIO.ceiling(1000, 0.2), 5000.0);
        assert_eq!(THREADS.ceiling(1000, 0.2), 320.0);
        assert_eq!(THREADS.ceiling(10, 0.2), 50.0);
    }

    #[test]
    fn the_number_of_threads_is_what_is_set() {
        for contestant in ALL.iter().filter(|contestant| contestant.program == "kitchen") {
            let threads = contestant.arguments.windows(2).find(|pair| pair[0] == "--threads");
            assert_eq!(threads.map(|pair| pair[1].parse().unwrap()), contestant.at_once);
        }
    }
}
