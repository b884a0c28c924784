//! Plain functions as actix-web handlers, by mixio.
