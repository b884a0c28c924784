//! For a build that can't unwind: no destructor runs because of a panic.

/// None.
#[must_use]
pub(crate) struct Panics;

/// Does nothing.
#[inline(always)]
pub(crate) fn set_aside() -> Panics {
    Panics
}

impl Panics {
    /// True.
    #[inline(always)]
    pub(crate) fn is_none(&self) -> bool {
        true
    }

    /// Does nothing.
    #[inline(always)]
    pub(crate) fn restore(self) {}
}
