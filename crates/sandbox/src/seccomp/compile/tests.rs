//! The compiled filter, run by a small interpreter, against the profile read naively.

use super::*;
use crate::seccomp::default_profile;
use oci_spec::runtime::{Capabilities, Capability, LinuxSeccompArgBuilder, LinuxSyscall};

const EPERM: u32 = libc::SECCOMP_RET_ERRNO | 1;

/// What the kernel would do with the filter.
fn run(program: &[libc::sock_filter], architecture: u32, number: u32, args: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(architecture.to_le_bytes());
    data.extend(0_u64.to_le_bytes());
    args.iter().for_each(|arg| data.extend(arg.to_le_bytes()));
    let (mut at, mut accumulator) = (0, 0_u32);
    loop {
        let instruction = program[at];
        at += 1;
        let k = instruction.k;
        let branch = |yes: bool| usize::from(if yes { instruction.jt } else { instruction.jf });
        match instruction.code {
            LOAD => {
                let bytes = &data[k as usize..k as usize + 4];
                accumulator = u32::from_le_bytes(bytes.try_into().unwrap());
            }
            AND => accumulator &= k,
            JUMP => at += k as usize,
            EQUAL => at += branch(accumulator == k),
            GREATER => at += branch(accumulator > k),
            AT_LEAST => at += branch(accumulator >= k),
            RETURN => return k,
            code => panic!("instruction {code:#x}"),
        }
    }
}

fn holds(arg: &LinuxSeccompArg, args: [u64; 6]) -> bool {
    let actual = args[arg.index()];
    match arg.op() {
        LinuxSeccompOperator::ScmpCmpNe => actual != arg.value(),
        LinuxSeccompOperator::ScmpCmpLt => actual < arg.value(),
        LinuxSeccompOperator::ScmpCmpLe => actual <= arg.value(),
        LinuxSeccompOperator::ScmpCmpEq => actual == arg.value(),
        LinuxSeccompOperator::ScmpCmpGe => actual >= arg.value(),
        LinuxSeccompOperator::ScmpCmpGt => actual > arg.value(),
        LinuxSeccompOperator::ScmpCmpMaskedEq => actual & arg.value() == arg.value_two().unwrap(),
    }
}

/// The profile, rule by rule.
fn naive(profile: &LinuxSeccomp, name: &str, args: [u64; 6]) -> u32 {
    for rule in profile.syscalls().iter().flatten() {
        if rule.names().iter().any(|listed| listed == name)
            && rule.args().iter().flatten().all(|arg| holds(arg, args))
        {
            return rule.action().as_u32(rule.errno_ret());
        }
    }
    profile.default_action().as_u32(profile.default_errno_ret())
}

fn sets() -> [Capabilities; 3] {
    [
        Capabilities::new(),
        [Capability::Chown, Capability::SysChroot].into_iter().collect(),
        crate::native::ALL_CAPABILITIES.into_iter().collect(),
    ]
}

#[test]
fn every_call_is_decided_as_the_profile_says() {
    let firsts = [
        0,
        1,
        8,
        40,
        41,
        0x2_0000,
        0x2_0008,
        0x1000_0000,
        0x7E02_0000,
        0xffff_ffff,
        1 << 32,
        40 | 1 << 32,
        0x0001_0f11,
        u64::MAX,
    ];
    for set in sets() {
        let profile = default_profile(&set);
        let program = compile(&profile).unwrap();
        assert!(program.len() < 400, "{} instructions", program.len());
        for (name, number) in numbers::all() {
            for first in firsts {
                let args = [first, 0, 0, 0, 0, 0];
                let expected = naive(&profile, name, args);
                assert_eq!(run(&program, NATIVE, number, args), expected, "{name} {first:#x}");
            }
        }
    }
}

#[test]
fn what_matters_most() {
    let program = compile(&default_profile(&Capabilities::new())).unwrap();
    let number = |wanted: &str| numbers::all().find(|(name, _)| *name == wanted).unwrap().1;
    let first = |name: &str, value: u64| run(&program, NATIVE, number(name), [value, 0, 0, 0, 0, 0]);
    assert_eq!(first("read", 0), libc::SECCOMP_RET_ALLOW);
    assert_eq!(first("mount", 0), EPERM);
    assert_eq!(first("io_uring_setup", 0), EPERM);
    assert_eq!(first("clone3", 0), NO_SUCH_CALL);
    assert_eq!(first("clone", libc::CLONE_VM as u64 | 17), libc::SECCOMP_RET_ALLOW);
    assert_eq!(first("clone", libc::CLONE_NEWUSER as u64), EPERM);
    assert_eq!(first("socket", 40), EPERM);
    assert_eq!(first("socket", 2), libc::SECCOMP_RET_ALLOW);
}

#[test]
fn other_architectures_and_new_calls_do_not_exist() {
    let program = compile(&default_profile(&Capabilities::new())).unwrap();
    let i386 = 0x4000_0003;
    assert_eq!(run(&program, i386, 1, [0; 6]), NO_SUCH_CALL);
    for number in [600, 0x4000_0000, 0x4000_0001, u32::MAX] {
        assert_eq!(run(&program, NATIVE, number, [0; 6]), NO_SUCH_CALL, "{number:#x}");
    }
}

#[test]
fn comparisons_see_all_64_bits() {
    use LinuxSeccompOperator::*;
    let interesting = [0, 1, 5, 6, 7, u64::from(u32::MAX), 1 << 32, 6 | 1 << 32, 7 | 1 << 33, u64::MAX];
    for op in [ScmpCmpNe, ScmpCmpLt, ScmpCmpLe, ScmpCmpEq, ScmpCmpGe, ScmpCmpGt, ScmpCmpMaskedEq] {
        for value in interesting {
            for index in [0, 5] {
                let builder = LinuxSeccompArgBuilder::default().index(index).value(value).op(op);
                let arg = builder.value_two(value & 6).build().unwrap();
                let mut rule = LinuxSyscall::default();
                rule.set_names(vec!["getpid".to_owned()])
                    .set_action(LinuxSeccompAction::ScmpActAllow)
                    .set_args(Some(vec![arg]));
                let mut profile = LinuxSeccomp::default();
                profile.set_default_action(LinuxSeccompAction::ScmpActErrno).set_syscalls(Some(vec![rule]));
                let program = compile(&profile).unwrap();
                for actual in interesting {
                    let mut args = [0; 6];
                    args[index] = actual;
                    let expected = naive(&profile, "getpid", args);
                    let number = libc::SYS_getpid as u32;
                    assert_eq!(
                        run(&program, NATIVE, number, args),
                        expected,
                        "{actual:#x} {op:?} {value:#x}"
                    );
                }
            }
        }
    }
}

#[test]
fn asking_a_supervisor_is_refused() {
    let mut profile = LinuxSeccomp::default();
    profile.set_default_action(LinuxSeccompAction::ScmpActNotify);
    assert!(matches!(compile(&profile), Err(SandboxError::Spec { .. })));
}
