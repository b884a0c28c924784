//! Values of any type as one machine word: the value itself where it fits, its address where it doesn't.

use core::mem::{ManuallyDrop, MaybeUninit};

use crate::arch::Word;

const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<Word>()
}

/// Moves `value` into a word, or makes a word that leads to it.
///
/// The value is moved out either way: it is [`decode`]d once, while `value` is still there, or never.
///
/// # Safety
///
/// `value` is not used again.
#[inline(always)]
pub(super) unsafe fn encode<T>(value: &mut ManuallyDrop<T>) -> Word {
    if fits::<T>() {
        let mut word = Word::uninit();
        // SAFETY: whoever gave us the value doesn't use it again.
        let value = unsafe { ManuallyDrop::take(value) };
        // SAFETY: T is no larger than the word. Its alignment may be, that of a zero-sized type: so unaligned.
        unsafe { word.as_mut_ptr().cast::<T>().write_unaligned(value) };
        word
    } else {
        MaybeUninit::new(core::ptr::from_mut(value).cast())
    }
}

/// Moves the value out of a word.
///
/// # Safety
///
/// The word comes from [`encode`] of a `T`, is decoded only this once, and what was given to `encode` is still there.
#[inline(always)]
pub(super) unsafe fn decode<T>(word: Word) -> T {
    if fits::<T>() {
        // SAFETY: `encode` put a T into the word.
        unsafe { word.as_ptr().cast::<T>().read_unaligned() }
    } else {
        // SAFETY: `encode` made the word a pointer.
        let address = unsafe { word.assume_init() };
        // SAFETY: it leads to a T that nobody else will take, as the caller says.
        unsafe { address.cast::<T>().read() }
    }
}
