//! Sockets in plain code, on a thread where a loop was started.

mod sockets;

use mixio::in_coroutine;

fn run(test: fn()) {
    let _loop = mixio_tokio::start_loop().unwrap();
    assert!(!in_coroutine());
    test();
}

all_sockets_in_this_setting!();
