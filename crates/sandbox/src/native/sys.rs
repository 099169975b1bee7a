//! System calls without libc: no errno in thread-local storage, no locks, no allocation.
//!
//! Used by the child that shares the engine's memory until it execs, and compiled once more into the init, so it needs
//! nothing but `core`. Every call returns the kernel's own value: negative numbers are errors.

use core::arch::asm;

/// One system call with up to six arguments.
///
/// # Safety
/// Whatever the kernel does with the arguments must be sound; pointers must be valid for what the call does with them.
#[inline]
pub unsafe fn syscall(number: usize, args: [usize; 6]) -> isize {
    let result: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller answers for the call; the kernel clobbers only rax, rcx and r11.
    unsafe {
        asm!("syscall",
            inlateout("rax") number as isize => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the caller answers for the call; the kernel clobbers only x0.
    unsafe {
        asm!("svc 0", in("x8") number,
            inlateout("x0") args[0] as isize => result,
            in("x1") args[1], in("x2") args[2], in("x3") args[3], in("x4") args[4], in("x5") args[5],
            options(nostack));
    }
    result
}

/// What runs on the new stack. It must not return.
pub type ChildMain = unsafe extern "C" fn(*mut u8) -> !;

/// `clone3` whose child runs `main(argument)` on the stack that `clone_args` names. Returns in the parent only.
///
/// # Safety
/// `clone_args` points to `size` bytes of a valid `struct clone_args` with a stack (16-byte aligned at its top) that
/// nobody else uses until the child has left it; `main` must be sound to run with the memory the child then sees.
#[inline(never)]
#[allow(dead_code, reason = "the init, which compiles this file too, does not use it")]
pub unsafe fn clone3_run(clone_args: *const u8, size: usize, main: ChildMain, argument: *mut u8) -> isize {
    #[cfg(target_arch = "x86_64")]
    const CLONE3: usize = 435;
    #[cfg(target_arch = "aarch64")]
    const CLONE3: usize = 435;
    // SAFETY: as the caller promises.
    unsafe { clone_and_run(CLONE3, clone_args as usize, size, main, argument) }
}

/// The older `clone`, with flags and the top of the stack. Returns in the parent only.
///
/// # Safety
/// As [`clone3_run`].
#[inline(never)]
#[allow(dead_code, reason = "only the init, which compiles this file too, uses it")]
pub unsafe fn clone_run(flags: usize, stack_top: *mut u8, main: ChildMain, argument: *mut u8) -> isize {
    #[cfg(target_arch = "x86_64")]
    const CLONE: usize = 56;
    #[cfg(target_arch = "aarch64")]
    const CLONE: usize = 220;
    // SAFETY: as the caller promises.
    unsafe { clone_and_run(CLONE, flags, stack_top as usize, main, argument) }
}

/// # Safety
/// As [`clone3_run`].
unsafe fn clone_and_run(
    number: usize,
    first: usize,
    second: usize,
    main: ChildMain,
    argument: *mut u8,
) -> isize {
    let result: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the child leaves for `main` on its own stack and never comes back here, so no register or stack slot of
    // the parent is touched. rdx, r10, r8 are the unused tid pointers and TLS of the older call.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") number as isize => result,
            in("rdi") first, in("rsi") second, in("rdx") 0, in("r10") 0, in("r8") 0,
            in("r12") main, in("r13") argument,
            lateout("rcx") _, lateout("r11") _);
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above; x2, x3, x4 are the unused tid pointers and TLS.
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x21",
            "blr x20",
            "brk 1",
            "2:",
            in("x8") number,
            inlateout("x0") first as isize => result,
            in("x1") second, in("x2") 0, in("x3") 0, in("x4") 0,
            in("x20") main, in("x21") argument,
            lateout("x30") _);
    }
    result
}
