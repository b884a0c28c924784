//! How many mappings many stacks take.

use super::*;

/// How many mappings 10,000 stacks add.
fn mappings_of_ten_thousand(guards: Guards) -> Option<usize> {
    if !guards.available() {
        assert!(StackPool::builder().guards(guards).build().is_err());
        return None;
    }
    let pool = StackPool::builder().stack_size(4096).guards(guards).build().unwrap();
    let mut stacks = Vec::with_capacity(10_000);
    let before = mappings();
    stacks.extend((0..10_000).map(|_| pool.get().unwrap()));
    Some(mappings() - before)
}

#[test]
fn ten_thousand_with_installed_guards_take_a_handful_of_mappings() {
    let output = in_child("mappings::ten_thousand_with_installed_guards_take_a_handful_of_mappings", || {
        // A sanitizer makes some of its own meanwhile.
        let few = if cfg!(any(mixio_sanitizer = "address", mixio_sanitizer = "thread")) { 100 } else { 10 };
        let added = mappings_of_ten_thousand(Guards::Installed);
        assert!(added.is_none_or(|added| added < few), "{added:?}");
    });
    assert_success(&output);
}

#[test]
fn ten_thousand_with_unmapped_guards_take_one_mapping_each() {
    let output = in_child("mappings::ten_thousand_with_unmapped_guards_take_one_mapping_each", || {
        let added = mappings_of_ten_thousand(Guards::Unmapped);
        assert!(added.is_none_or(|added| (9_900..10_100).contains(&added)), "{added:?}");
    });
    assert_success(&output);
}

#[test]
fn ten_thousand_with_protected_guards_take_two_mappings_each() {
    let output = in_child("mappings::ten_thousand_with_protected_guards_take_two_mappings_each", || {
        let added = mappings_of_ten_thousand(Guards::Protected);
        assert!(added.is_some_and(|added| (19_900..20_100).contains(&added)), "{added:?}");
    });
    assert_success(&output);
}

#[test]
fn twenty_thousand_suspended_at_once() {
    const MANY: usize = 20_000;
    let output = in_child("mappings::twenty_thousand_suspended_at_once", || {
        let pool = small_pool();
        let mut coroutines: Vec<_> = (0..MANY)
            .map(|number| {
                Coroutine::with_stack(pool.get().unwrap(), move |yielder: &Yielder<usize, usize>, first| {
                    let second = yielder.suspend(number + first);
                    number + first + second
                })
            })
            .collect();
        for (number, coroutine) in coroutines.iter_mut().enumerate() {
            assert_eq!(coroutine.resume(1), CoroutineResult::Yield(number + 1));
        }
        assert_eq!(counts(&pool), (MANY, 0));
        for (number, coroutine) in coroutines.iter_mut().enumerate().filter(|(number, _)| number % 2 == 0) {
            assert_eq!(coroutine.resume(2), CoroutineResult::Return(number + 3));
        }
        // The others are unwound.
        drop(coroutines);
        assert_eq!(counts(&pool), (0, MANY));
    });
    assert_success(&output);
}
