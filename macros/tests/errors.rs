//! What the attributes refuse, and the sentences that say so.
//!
//! `TRYBUILD=overwrite cargo test -p mixio-macros --test errors` writes the `.stderr` files anew.

/// Programs that don't compile, with the errors that are shown.
#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
