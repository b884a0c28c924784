//! What the views are written in.

#[test]
fn the_views_are_plain_functions() {
    let views = include_str!("../../src/views.rs");
    assert!(views.contains("pub fn food_delivery("));
    for word in ["async", ".await"] {
        assert!(!views.contains(word), "there is `{word}` in views.rs");
    }
}
