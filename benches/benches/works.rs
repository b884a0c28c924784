//! Each contestant by itself, with criterion's statistics: `cargo bench -p mixio-benches -- switch`.
//!
//! For comparing, see the program `compare`, which runs them in turns.

use std::time::Duration;

use criterion::{Criterion, Throughput};
use mixio_benches::works;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for work in works::all(&works::MANY_QUICK) {
        let mut group = criterion.benchmark_group(format!("{}/{}", work.topic, work.name));
        group.throughput(Throughput::Elements(work.operations));
        for contestant in &work.contestants {
            group.bench_function(contestant.name, |bencher| bencher.iter_custom(|count| contestant.run(count)));
        }
        group.finish();
    }
    criterion.final_summary();
}
