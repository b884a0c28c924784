//! No sanitizer.

use core::ops::Range;

use crate::stack::Stack;

#[inline(always)]
pub(super) unsafe fn begin(_room: &Range<usize>) {}

#[inline(always)]
pub(super) unsafe fn end(_room: &Range<usize>) {}

/// Nothing.
#[derive(Debug)]
pub(crate) struct Switches;

impl Switches {
    pub(crate) const NONE: Switches = Switches;

    #[inline(always)]
    pub(crate) fn for_coroutine(_stack: &impl Stack) -> Self {
        Switches
    }

    #[inline(always)]
    pub(crate) fn for_call(_stack: &impl Stack) -> Self {
        Switches
    }

    #[inline(always)]
    pub(crate) fn for_call_outside(&self) -> Self {
        Switches
    }

    #[inline(always)]
    pub(crate) unsafe fn going_inside(&self) {}

    #[inline(always)]
    pub(crate) unsafe fn arrived_inside(&self) {}

    #[inline(always)]
    pub(crate) unsafe fn going_outside(&self) {}

    #[inline(always)]
    pub(crate) unsafe fn going_outside_for_good(&self) {}

    #[inline(always)]
    pub(crate) unsafe fn arrived_outside(&self) {}

    #[inline(always)]
    pub(crate) unsafe fn end(&self) {}
}
