//! Ordinary, synchronous Diesel on asynchronous drivers: PostgreSQL, SQLite, or whichever the URL names.
