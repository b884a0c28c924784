//! Guards: that they hold, which there are, and where.

use super::*;

#[test]
fn every_page_of_each_guard_keeps_everybody_off() {
    let (probe, page) = (Probe::new(), page_size());
    for guards in ALL_GUARDS {
        for bytes in [0, 1, page, page + 1, 64 << 10, 1 << 20] {
            let pool = StackPool::builder().stack_size(16 << 10).guards(guards).guard_size(bytes).build();
            if !guards.available() {
                let error = pool.unwrap_err();
                assert!(matches!(error, StackError::NoSuchGuards { guards: told } if told == guards), "{error:?}");
                assert_eq!(error.to_string(), format!("this system has no such guards for stacks: {guards:?}"));
                assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Unsupported);
                continue;
            }
            let pool = pool.unwrap();
            assert_eq!(pool.guards(), guards);
            let stacks = take(&pool, 70);
            for stack in &stacks {
                assert_eq!(stack.guard_size(), bytes.max(1).next_multiple_of(page));
                touch_all(stack, 5);
            }
            stacks.iter().for_each(|stack| probe.assert_guarded(stack));
            assert!(stacks.iter().all(|stack| is_all(stack, 5)));
            // They stay when stacks are used again.
            drop(stacks);
            take(&pool, 70).iter().for_each(|stack| probe.assert_guarded(stack));
        }
    }
}

#[test]
fn guards_stay_when_memory_is_given_back() {
    let probe = Probe::new();
    for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
        let pool = StackPool::builder().stack_size(32 << 10).guards(guards).keep_resident(0).build().unwrap();
        for round in 0..3 {
            let stacks = take(&pool, 200);
            for stack in &stacks {
                probe.assert_guarded(stack);
                touch_all(stack, round);
            }
            assert!(stacks.iter().all(|stack| is_all(stack, round)));
        }
        assert_eq!(counts(&pool), (0, 200));
    }
}

#[test]
fn the_best_guards_are_those_of_the_default() {
    let best = Guards::best();
    assert!(best.available() && Guards::Protected.available());
    assert_eq!(best, Guards::best());
    assert_eq!(small_pool().guards(), best);
    assert_eq!(StackPool::global(1).unwrap().guards(), best);
    if Guards::Installed.available() {
        assert_eq!(best, Guards::Installed);
    }
    if is_emulated() {
        // It says yes to the advice, and does nothing.
        assert!(!Guards::Installed.available() && best != Guards::Installed);
        assert!(StackPool::builder().guards(Guards::Installed).build().is_err());
    }
}

#[test]
fn guards_are_found_out_without_file_descriptors() {
    let output = in_child("guards::guards_are_found_out_without_file_descriptors", || {
        let before = Guards::Installed.available();
        // SAFETY: it gives another number to a file that is open.
        let dup = || Some(unsafe { libc::dup(libc::STDERR_FILENO) }).filter(|file| *file != -1);
        let files: Vec<_> = iter::from_fn(dup).collect();
        assert_eq!(Guards::Installed.available(), before);
        assert!(!before || Guards::best() == Guards::Installed);
        assert!(!before || StackPool::builder().guards(Guards::Installed).build().is_ok());
        // Whoever looks for leaks at the end needs some.
        // SAFETY: they are ours.
        assert!(files.into_iter().all(|file| unsafe { libc::close(file) } == 0));
    });
    assert_success(&output);
}

#[test]
fn in_a_process_whose_memory_is_locked() {
    let output = in_child("guards::in_a_process_whose_memory_is_locked", || {
        let before = DefaultStack::new(16 << 10).unwrap();
        // Under an emulator that would be all of its memory, too. And not everybody may.
        // SAFETY: it changes where memory may be, and nothing else.
        if is_emulated() || unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } != 0 {
            return;
        }
        let runs = |stack| {
            let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(stack, |_, n| n + 1);
            assert_eq!(coroutine.resume(1), CoroutineResult::Return(2));
        };
        // In memory that was reserved before, and in some that wasn't.
        runs(before);
        let stacks = [DefaultStack::new(16 << 10), DefaultStack::new(16 << 10), DefaultStack::new(32 << 10)];
        let probe = Probe::new();
        for stack in stacks {
            let stack = stack.unwrap();
            assert!(!probe.is_readable(stack.limit().get()));
            runs(stack);
        }
        for guards in ALL_GUARDS {
            let Ok(pool) = StackPool::builder().stack_size(16 << 10).guards(guards).build() else { continue };
            probe.assert_guarded(&pool.get().unwrap());
        }
    });
    assert_success(&output);
}

#[test]
#[cfg_attr(mixio_sanitizer = "thread", ignore = "the sanitizer keeps the addresses for such guards to itself")]
fn a_kernel_that_has_no_such_guards() {
    let output = in_child("guards::a_kernel_that_has_no_such_guards", || {
        // What a kernel before 6.13 answers, by a filter of system calls: `madvise` with that advice is invalid.
        const ADVICE: u32 = 102;
        let step = |code: u32, otherwise: u8, value: u32| libc::sock_filter {
            code: code as u16,
            jt: 0,
            jf: otherwise,
            k: value,
        };
        let mut steps = [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 3, libc::SYS_madvise as u32),
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 32),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, ADVICE),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
        // SAFETY: it only gives up what nobody here needs.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
        // SAFETY: the program is a valid one, and is copied.
        if unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) } != 0 {
            assert!(is_emulated(), "{}", io::Error::last_os_error());
        }
        assert!(!Guards::Installed.available());
        assert_eq!(Guards::best(), Guards::Unmapped);
        let pool = small_pool();
        assert_eq!(pool.guards(), Guards::Unmapped);
        let before = mappings();
        let stacks = take(&pool, 1000);
        assert!(mappings() - before < 1100, "each is one mapping");
        drop(stacks);
        let mut coroutine = Coroutine::<(), (), u8, _>::with_stack(pool.get().unwrap(), |_, ()| 1);
        assert_eq!(coroutine.resume(()), CoroutineResult::Return(1));
    });
    assert_success(&output);
}

#[test]
#[cfg_attr(mixio_sanitizer = "thread", ignore = "the sanitizer keeps the addresses for such guards to itself")]
fn no_stack_lies_in_the_guard_of_another() {
    let unmapped = |size: usize, guard: usize| {
        StackPool::builder().guards(Guards::Unmapped).stack_size(size).guard_size(guard).build().unwrap()
    };
    let victim = unmapped(64 << 10, 64 << 20).get().unwrap();
    let guard = victim.limit().get()..victim.limit().get() + victim.guard_size();
    // More address space than there is for this, come and gone. (An emulator takes memory for its tables.)
    for _ in 0..if is_emulated() { 0 } else { 40 } {
        drop(unmapped(512 << 30, 1).get().unwrap());
    }
    let small = unmapped(16 << 10, 1);
    let stacks = take(&small, 200);
    assert!(stacks.iter().all(|stack| !guard.contains(&stack.base().get())));
    // And there is room for more pools.
    for _ in 0..300 {
        drop(unmapped(16 << 10, 1).get().unwrap());
    }
}
