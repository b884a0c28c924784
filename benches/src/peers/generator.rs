use generator::Gn;

use super::{Body, Peer};

/// The crate generator, as it comes.
pub struct Generator(generator::Generator<'static, usize, usize>);

/// Each resumption here brings a value.
const GIVEN: &str = "a value is sent each time";

impl Peer for Generator {
    #[inline(always)]
    fn new<B: Body>() -> Self {
        Generator(Gn::new_scoped(|mut scope| {
            let first = scope.get_yield().expect(GIVEN);
            B::run(first, |value| scope.yield_(value).expect(GIVEN))
        }))
    }

    #[inline(always)]
    fn resume(&mut self, value: usize) -> usize {
        self.0.raw_send(Some(value)).expect("it gives a value")
    }

    /// It doesn't tell what was returned from what was yielded.
    #[inline(always)]
    fn finish(&mut self, value: usize) -> usize {
        self.0.raw_send(Some(value)).expect("it gives a value")
    }
}
