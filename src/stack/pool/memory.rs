//! Address space from the operating system, and guards in it.

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::OnceLock;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicUsize, Ordering};

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
    // SAFETY: the page is ours, and nothing is in it.
    let answer = unsafe { Guards::Installed.put(memory.start, memory.length) };
    let page = ptr::with_exposed_provenance_mut::<libc::timespec>(memory.start);
    // Not by way of libc, which may answer this by itself. It takes no file descriptor, of which there may be no more; and
    // valgrind lets it through to the kernel without a look at the page of its own.
    // SAFETY: the page is ours: the kernel writes the time there, or says that it can't.
    let told = unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, page) };
    let untouchable = told == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
    answer.is_ok() && untouchable
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
}

impl Memory {
    /// Reserves `length` bytes, a multiple of the page size, exposed: a `Stack` speaks of addresses.
    pub(super) fn reserve(length: usize, guards: Guards, huge_pages: bool) -> io::Result<Self> {
        let memory = match guards {
            Guards::Unmapped => Self::reserve_low(length)?,
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
        Ok(Memory { start: start.expose_provenance(), length })
    }

    /// Reserves addresses where the kernel places nothing unasked, so that holes in them stay holes.
    ///
    /// Linux fills its address space from the top down; or, in its old layout, from a third (x86-64) or a quarter
    /// (AArch64) of it up. Both leave what is below that for last.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn reserve_low(length: usize) -> io::Result<Self> {
        const LOW: usize = 24 << 40;
        const HIGH: usize = 40 << 40;
        /// Where the next one is tried.
        static NEXT: AtomicUsize = AtomicUsize::new(LOW);

        if length > HIGH - LOW {
            return Err(io::ErrorKind::OutOfMemory.into());
        }

        // Something else may be there already: a sanitizer, an allocator with hints of its own.
        for _ in 0..64 {
            let hint = NEXT.fetch_add(length, Ordering::Relaxed);
            if hint + length > HIGH {
                // What was freed at the start of the range can be used again.
                NEXT.store(LOW, Ordering::Relaxed);
                continue;
            }
            let memory = Self::map(ptr::without_provenance_mut(hint), length)?;
            if memory.start >= LOW && memory.start + length <= HIGH {
                return Ok(memory);
            }
        }
        Err(io::ErrorKind::OutOfMemory.into())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn reserve_low(_: usize) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
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

    /// Gives up the ownership of what is mapped in `start..start + length` to whoever unmaps it piece by piece.
    pub(super) fn into_parts(self) -> (usize, usize) {
        let this = std::mem::ManuallyDrop::new(self);
        (this.start, this.length)
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
pub(super) unsafe fn unmap(start: usize, length: usize) {
    // SAFETY: as the caller says. It fails only where it would split a mapping and there are too many: it stays then.
    unsafe { libc::munmap(ptr::with_exposed_provenance_mut(start), length) };
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
    if #[cfg(any(target_os = "linux", target_os = "android", target_os = "netbsd"))] {
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
