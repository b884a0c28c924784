//! The tables, as Diesel sees them, in either database.
#![expect(missing_docs, reason = "the migrations say what the columns are")]

diesel::table! {
    orders (id) {
        id -> BigInt,
        user -> Text,
        details -> Text,
        status -> Text,
        mins -> Nullable<Integer>,
        created_at -> Text,
        token -> Text,
    }
}

diesel::table! {
    /// Diesel's own: which migrations are applied.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}
