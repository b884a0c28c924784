//! Synchronous libraries, unchanged, on asynchronous sockets: see the tests.
