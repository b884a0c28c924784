//! Failing programs made shorter.

/// Leaves out pieces of the list, large ones first, for as long as it still `fails`.
pub(crate) fn shortest<T: Clone>(mut list: Vec<T>, fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut piece = list.len().div_ceil(2);
    loop {
        let before = list.len();
        let mut at = 0;
        while at < list.len() {
            let shorter: Vec<T> = list[..at].iter().chain(list.iter().skip(at + piece)).cloned().collect();
            if fails(&shorter) {
                list = shorter;
            } else {
                at += piece;
            }
        }
        if piece > 1 {
            piece /= 2;
        } else if list.len() == before {
            return list;
        }
    }
}

#[test]
fn what_makes_it_fail_is_left() {
    let left = shortest((0..100).collect(), |list| list.contains(&17) && list.contains(&63));
    assert_eq!(left, [17, 63]);
    assert!(shortest(vec![1], |_| true).is_empty());
}
