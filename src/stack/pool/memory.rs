//! Address space from the operating system, and guards in it.

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::OnceLock;

/// What keeps code that runs off the end of a stack from whatever lies below it.
///
/// A pool takes the first of these that the system truly has, which is found out once per process: not by the system's
/// answer, since an emulator may say yes to everything, but by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Guards {
    /// By `MADV_GUARD_INSTALL` (Linux 6.13): a mark in the page tables. Any number of stacks share one mapping.
    Installed,
    /// By leaving a hole in the address space (Linux, on older kernels): each stack is a mapping of its own, so there can
    /// be as many as `vm.max_map_count` allows, 65,530 if nobody has changed it.
    ///
    /// The holes lie far below the addresses where the kernel places new mappings by itself, so that nothing settles in
    /// one, unless it asks for that very address.
    Unmapped,
    /// By `mprotect` (everywhere): a stack and its guard are two mappings, so there can be half as many.
    Protected,
}

impl Guards {
    /// The best that this system has.
    pub fn best() -> Self {
        static BEST: OnceLock<Guards> = OnceLock::new();
        *BEST.get_or_init(|| {
            let all = [Guards::Installed, Guards::Unmapped];
            all.into_iter().find(|guards| guards.available()).unwrap_or(Guards::Protected)
        })
    }

    /// Whether this system has them.
    pub fn available(self) -> bool {
        match self {
            Guards::Installed => can_install(),
            Guards::Unmapped => Memory::reserve(page_size(), self, false).is_ok(),
            Guards::Protected => true,
        }
    }

    /// Guards a part of a [`Memory`], in whole pages.
    ///
    /// # Safety
    ///
    /// The range belongs to a `Memory` that was reserved for such guards, and nothing in it is used from now on.
    pub(super) unsafe fn put(self, start: usize, length: usize) -> io::Result<()> {
        let address = ptr::with_exposed_provenance_mut::<c_void>(start);
        loop {
            let result = match self {
                // SAFETY: as the caller says.
                Guards::Installed => unsafe { libc::madvise(address, length, MADV_GUARD_INSTALL) },
                // SAFETY: as the caller says.
                Guards::Unmapped => unsafe { libc::munmap(address, length) },
                // SAFETY: as the caller says.
                Guards::Protected => unsafe { libc::mprotect(address, length, libc::PROT_NONE) },
            };
            if result == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if self == Guards::Installed && error.raw_os_error() == Some(libc::EINVAL) {
                // Memory that is locked can't have such guards.
                // SAFETY: as the caller says.
                return unsafe { Guards::Protected.put(start, length) };
            }
            // Installing a guard gives up when other threads keep faulting the page in.
            if !matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) {
                return Err(error);
            }
        }
    }
}

/// Absent from the crate libc.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Whether guards can be installed: whether the kernel itself then finds that it can't touch the page.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn can_install() -> bool {
    let Ok(memory) = Memory::reserve(page_size(), Guards::Installed, false) else { return false };
    // Not by way of `put`, which has an answer to everything.
    // SAFETY: the page is ours, and nothing is in it.
    let answer =
        unsafe { libc::madvise(ptr::with_exposed_provenance_mut(memory.start), memory.length, MADV_GUARD_INSTALL) };
    let page = ptr::with_exposed_provenance_mut::<libc::timespec>(memory.start);
    // Not by way of libc, which may answer this by itself. It takes no file descriptor, of which there may be no more; and
    // valgrind lets it through to the kernel without a look at the page of its own.
    // SAFETY: the page is ours: the kernel writes the time there, or says that it can't.
    let told = unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, page) };
    let untouchable = told == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
    answer == 0 && untouchable
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn can_install() -> bool {
    false
}

/// A range of addresses that nobody else uses, readable and writable, with memory as it is touched. Unmapped when it is
/// dropped.
pub(super) struct Memory {
    pub(super) start: usize,
    pub(super) length: usize,
    /// Keeps other such ranges out of the holes in this one.
    _low: Option<low::Range>,
}

impl Memory {
    /// Reserves `length` bytes, a multiple of the page size, exposed: a `Stack` speaks of addresses.
    pub(super) fn reserve(length: usize, guards: Guards, huge_pages: bool) -> io::Result<Self> {
        let memory = match guards {
            Guards::Unmapped => low::reserve(length)?,
            _ => Self::map(ptr::null_mut(), length)?,
        };
        memory.advise_pages(huge_pages);
        Ok(memory)
    }

    fn map(hint: *mut c_void, length: usize) -> io::Result<Self> {
        // Not reserved: a stack is as large as its deepest call may need, and most stay far from that.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE | MAP_STACK;
        // SAFETY: it takes addresses that nothing is mapped at: no fixed one is asked for.
        let start = unsafe { libc::mmap(hint, length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Memory { start: start.expose_provenance(), length, _low: None })
    }

    /// Says whether huge pages are welcome. Where they are on by default, one touched byte would take 2 MiB.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn advise_pages(&self, huge: bool) {
        let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        // SAFETY: the range is ours. It is advice: whether the kernel knows it doesn't matter.
        unsafe { libc::madvise(ptr::with_exposed_provenance_mut(self.start), self.length, advice) };
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn advise_pages(&self, _huge: bool) {}

    /// Unmaps all but these holes, which are not ours any more: somebody may have asked for their very addresses. They are
    /// pairs of start and length, in ascending order.
    pub(super) fn unmap_around(mut self, holes: impl Iterator<Item = (usize, usize)>) {
        for (start, length) in holes {
            // SAFETY: it is ours, and no longer used.
            unsafe { unmap(self.start, start - self.start) };
            self.length -= start + length - self.start;
            self.start = start + length;
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and whoever used it has stopped.
        unsafe { unmap(self.start, self.length) };
    }
}

/// Unmaps.
///
/// # Safety
///
/// The range is the caller's own, and not used from now on.
unsafe fn unmap(start: usize, length: usize) {
    if length > 0 {
        // SAFETY: as the caller says. It fails only where it would split a mapping and there are too many: it stays then.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(start), length) };
    }
}

/// Addresses where the kernel places nothing unasked, so that holes in them stay holes.
///
/// Linux fills its address space from the top down; or, in its old layout, from a third (x86-64) or a quarter (AArch64) of it
/// up. Both leave what is below that for last.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod low {
    use std::io;
    use std::ptr;
    use std::sync::{Mutex, PoisonError};

    use super::Memory;

    const LOWEST: usize = 24 << 40;
    const HIGHEST: usize = 40 << 40;

    /// Starts and ends of all that are reserved, ascending.
    static RANGES: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

    /// One of them, until it is dropped.
    pub(super) struct Range(usize);

    impl Drop for Range {
        fn drop(&mut self) {
            RANGES.lock().unwrap_or_else(PoisonError::into_inner).retain(|(start, _)| *start != self.0);
        }
    }

    /// Reserves a range there, outside of all others.
    pub(super) fn reserve(length: usize) -> io::Result<Memory> {
        let mut ranges = RANGES.lock().unwrap_or_else(PoisonError::into_inner);
        ranges.try_reserve(1).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut start = LOWEST;
        let mut next = 0;
        // Something else may be there: a sanitizer, an allocator with hints of its own. It is not looked for, but stepped
        // over, in growing steps.
        let mut step = length;
        while let Some(end) = start.checked_add(length).filter(|end| *end <= HIGHEST) {
            if let Some((other, other_end)) = ranges.get(next)
                && *other < end
            {
                (start, next) = (start.max(*other_end), next + 1);
                continue;
            }
            let mut memory = Memory::map(ptr::without_provenance_mut(start), length)?;
            if memory.start == start {
                ranges.insert(next, (start, end));
                memory._low = Some(Range(start));
                return Ok(memory);
            }
            start = start.saturating_add(step);
            step = step.saturating_mul(2);
        }
        Err(io::ErrorKind::OutOfMemory.into())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod low {
    use std::io;

    use super::Memory;

    /// There are none.
    pub(super) enum Range {}

    pub(super) fn reserve(_: usize) -> io::Result<Memory> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Gives the memory in a range back to the operating system. What is in it is lost; the addresses remain.
///
/// # Safety
///
/// The range belongs to a [`Memory`], in whole pages, and nobody wants what is in it.
pub(super) unsafe fn discard(start: usize, length: usize) {
    let advice = if cfg!(any(target_os = "linux", target_os = "android")) {
        libc::MADV_DONTNEED
    } else {
        // Elsewhere the former says nothing, and this one takes the memory when it is needed.
        libc::MADV_FREE
    };
    // SAFETY: as the caller says. If it fails the memory stays, as good as any.
    unsafe { libc::madvise(ptr::with_exposed_provenance_mut(start), length, advice) };
}

/// How many bytes of a range are in memory.
///
/// The range is mapped, in whole pages.
pub(super) fn resident(start: usize, length: usize) -> usize {
    /// How many pages are asked for at a time.
    const PAGES: usize = 1024;

    let page = page_size();
    let mut states = [0; PAGES];
    let mut count = 0;
    for chunk in (start..start + length).step_by(PAGES * page) {
        let bytes = (start + length - chunk).min(PAGES * page);
        // SAFETY: there is a byte for each page that is asked for.
        let answer =
            unsafe { libc::mincore(ptr::with_exposed_provenance_mut(chunk), bytes, states.as_mut_ptr().cast()) };
        if answer == 0 {
            count += states[..bytes / page].iter().filter(|state: &&u8| **state & 1 == 1).count();
        }
    }
    count * page
}

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android", target_os = "netbsd", target_os = "openbsd"))] {
        const MAP_STACK: libc::c_int = libc::MAP_STACK;
    } else {
        const MAP_STACK: libc::c_int = 0;
    }
}

/// The size of a page, asked once.
pub(crate) fn page_size() -> usize {
    static PAGE_SIZE: OnceLock<usize> = OnceLock::new();
    *PAGE_SIZE.get_or_init(|| {
        // SAFETY: it only asks.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).ok().filter(|size| size.is_power_of_two()).expect("the page size is a power of two")
    })
}
