//! The tables, as Diesel sees them.
#![expect(missing_docs, reason = "the migrations say what the columns are")]

diesel::table! {
    orders (id) {
        id -> BigInt,
        user -> Text,
        details -> Text,
        status -> Text,
        mins -> Nullable<Integer>,
        created_at -> Text,
        token -> Nullable<Text>,
    }
}
