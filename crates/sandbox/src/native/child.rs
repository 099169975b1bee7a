//! What runs between the clone and the execution of the command: walks a [`Plan`].
//!
//! Rules for everything here, because this code runs with the memory of the engine while the engine's other threads go
//! on: no allocation, no libc, no locks, no panics, no thread-locals. Only raw system calls on memory of the plan.

use std::ffi::CStr;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;

use super::exec::exec_first;
use super::plan::{CapabilityMasks, Node, Op, Parameter, Plan, Target};
use super::sys::syscall;

/// The directory of the launcher's namespace on which roots are attached.
pub const ROOT_PLACE: &CStr = c"/root";
/// The directory of the launcher's namespace on which trees of injected files are attached.
pub const FILES_PLACE: &CStr = c"/files";

const RESOLVE_INSIDE: u64 = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
const CWD: RawFd = libc::AT_FDCWD;
const NO_FILE: isize = -(libc::ENOENT as isize);
const EMPTY: &CStr = c"";

type Done = Result<(), isize>;

/// A system call; `Err` holds the negative errno.
unsafe fn call(number: libc::c_long, args: [usize; 6]) -> Result<usize, isize> {
    // SAFETY: the callers pass pointers into the plan or their own frame.
    let result = unsafe { syscall(number as usize, args) };
    if result < 0 { Err(result) } else { Ok(result as usize) }
}

/// A system call from any mix of integers and pointers.
macro_rules! sys {
    ($number:expr $(, $arg:expr)*) => {{
        let mut args = [0_usize; 6];
        let given = [$($arg as usize),*];
        let mut at = 0;
        while at < given.len() {
            args[at] = given[at];
            at += 1;
        }
        // SAFETY: every pointer passed in this file points into the plan or the present frame, null-terminated or with
        // its true length, and lives longer than the call.
        unsafe { call($number, args) }
    }};
}

/// Entry of the child: `argument` is the [`Plan`].
///
/// # Safety
/// `argument` points to a `Plan` that stays as it is until the child has executed something or ended.
pub unsafe extern "C" fn main(argument: *mut u8) -> ! {
    // SAFETY: as the caller promises.
    let plan = unsafe { &*argument.cast::<Plan>() };
    reset_signals();
    let mut index = 0;
    while index < plan.ops.len() {
        if let Err(error) = perform(&plan.ops[index], plan) {
            fail(plan, index, error);
        }
        index += 1;
    }
    execute(plan)
}

fn fail(plan: &Plan, op: usize, error: isize) -> ! {
    plan.outcome.op.store(op as u32, Ordering::Relaxed);
    plan.outcome.error.store(error as i32, Ordering::Release);
    exit()
}

fn exit() -> ! {
    loop {
        let _ = sys!(libc::SYS_exit_group, 127);
    }
}

/// Executes the init or the command; on failure leaves the reason.
fn execute(plan: &Plan) -> ! {
    let exec = &plan.exec;
    if let Some((fd, argv)) = &exec.init {
        // The init needs its signals blocked from the start, so the mask stays.
        let result = sys!(
            libc::SYS_execveat,
            *fd,
            EMPTY.as_ptr(),
            argv.as_ptr(),
            exec.envp.as_ptr(),
            libc::AT_EMPTY_PATH
        );
        fail(plan, plan.ops.len(), result.err().unwrap_or(0));
    }
    let none = 0_u64;
    let _ = sys!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, 0, 8);
    // SAFETY: the arrays of the plan are null-terminated, and `paths` has `len` strings.
    let failure =
        unsafe { exec_first(exec.paths.as_ptr(), exec.paths.len(), exec.argv.as_ptr(), exec.envp.as_ptr()) };
    // SAFETY: the engine's thread reads this only after the child has ended.
    unsafe { *plan.outcome.exec.get() = Some(failure) };
    exit()
}

/// Every signal does what it does by default; the engine may ignore some.
fn reset_signals() {
    #[repr(C)]
    struct KernelAction([usize; 4]);
    let default = KernelAction([0; 4]);
    let mut signal = 1;
    while signal <= 64 {
        let _ = sys!(libc::SYS_rt_sigaction, signal, &raw const default, 0, 8);
        signal += 1;
    }
}

fn perform(op: &Op, plan: &Plan) -> Done {
    match op {
        Op::Write { fd, bytes } => sys!(libc::SYS_write, *fd, bytes.as_ptr(), bytes.len()).map(drop),
        Op::WriteFile { path, bytes } => {
            let fd = open_inside(path, libc::O_WRONLY | libc::O_CLOEXEC, 0)?;
            sys!(libc::SYS_write, fd, bytes.as_ptr(), bytes.len())?;
            close(fd)
        }
        Op::Unshare { flags } => sys!(libc::SYS_unshare, *flags).map(drop),
        Op::Enter { fd, kind } => sys!(libc::SYS_setns, *fd, *kind).map(drop),
        Op::Loopback => loopback(),
        Op::CloneFiles { tree, names } => {
            move_mount(*tree, CWD, FILES_PLACE)?;
            let mut at = 0;
            while at < names.len() {
                let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
                let fd = sys!(libc::SYS_open_tree, *tree, names[at].0.as_ptr(), flags)?;
                plan.slots[names[at].1].set(fd as RawFd);
                at += 1;
            }
            Ok(())
        }
        Op::Root { fd } => {
            move_mount(*fd, CWD, ROOT_PLACE)?;
            sys!(libc::SYS_fchdir, *fd)?;
            sys!(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr())?;
            sys!(libc::SYS_umount2, c".".as_ptr(), libc::MNT_DETACH)?;
            sys!(libc::SYS_chdir, c"/".as_ptr()).map(drop)
        }
        Op::Attach { fd, target } => attach(*fd, target, plan),
        Op::AttachSlot { slot, target } => attach(plan.slots[*slot].get(), target, plan),
        Op::Mount { kind, parameters, attributes, nodes, target } => {
            let mount = make_mount(kind, parameters, *attributes)?;
            let mut at = 0;
            while at < nodes.len() {
                make_node(mount, &nodes[at])?;
                at += 1;
            }
            attach(mount, target, plan)?;
            close(mount)
        }
        Op::Make { kind, parameters, attributes, slot } => {
            let mount = make_mount(kind, parameters, *attributes)?;
            plan.slots[*slot].set(mount as RawFd);
            Ok(())
        }
        Op::DeviceNode { path, mode, device, owner } => {
            match sys!(libc::SYS_mknodat, CWD, path.as_ptr(), *mode, *device) {
                Err(error) if error != -(libc::EEXIST as isize) => return Err(error),
                _ => {}
            }
            sys!(libc::SYS_fchmodat, CWD, path.as_ptr(), *mode & 0o7777)?;
            sys!(libc::SYS_fchownat, CWD, path.as_ptr(), owner.0, owner.1, 0).map(drop)
        }
        Op::Link { path, target } => sys!(libc::SYS_symlinkat, target.as_ptr(), CWD, path.as_ptr()).map(drop),
        Op::Propagation { path, flags } => sys!(libc::SYS_mount, 0, path.as_ptr(), 0, *flags, 0).map(drop),
        Op::Mask { path, slot } => mask(path, *slot, plan),
        Op::Readonly { path } => readonly(path),
        Op::RootReadonly => set_attributes(CWD, c"/", libc::MOUNT_ATTR_RDONLY, 0, 0),
        Op::Name { call, name } => sys!(*call, name.as_ptr(), name.as_bytes().len()).map(drop),
        Op::Workdir { target, owner } => workdir(target, *owner, plan),
        Op::Stdio { fds, report } => {
            let mut at = 0;
            while at < 3 {
                sys!(libc::SYS_dup3, fds[at], at, 0)?;
                at += 1;
            }
            let first = match report {
                Some(report) => {
                    sys!(libc::SYS_dup3, *report, super::report::REPORT_FD, 0)?;
                    super::report::REPORT_FD + 1
                }
                None => 3,
            };
            sys!(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC).map(drop)
        }
        Op::Session { terminal } => {
            sys!(libc::SYS_setsid)?;
            if *terminal {
                // Fails when it already controls another session; the command can use it all the same.
                let _ = sys!(libc::SYS_ioctl, 0, libc::TIOCSCTTY, 0);
            }
            Ok(())
        }
        Op::Umask(mask) => sys!(libc::SYS_umask, *mask).map(drop),
        Op::Limit { resource, soft, hard } => {
            let limit = [*soft, *hard];
            sys!(libc::SYS_prlimit64, 0, *resource, limit.as_ptr(), 0).map(drop)
        }
        Op::DropBounding { last, keep } => {
            let mut capability = 0;
            while capability <= *last {
                if keep & (1 << capability) == 0 {
                    sys!(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability, 0, 0, 0)?;
                }
                capability += 1;
            }
            Ok(())
        }
        Op::Credentials { uid, gid, groups, capabilities } => credentials(*uid, *gid, groups, capabilities),
        Op::DieWithParent => sys!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0).map(drop),
        Op::NoNewPrivileges => sys!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).map(drop),
        Op::Seccomp { filter, flags } => {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
            sys!(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, *flags, &raw const program).map(drop)
        }
    }
}

fn close(fd: usize) -> Done {
    sys!(libc::SYS_close, fd).map(drop)
}

/// Opens a path of the container; no symbolic link leads out of it.
fn open_inside(path: &CStr, flags: i32, mode: u32) -> Result<usize, isize> {
    let how = [flags as u32 as u64, u64::from(mode), RESOLVE_INSIDE];
    let path = if path.is_empty() { c"." } else { path };
    sys!(libc::SYS_openat2, CWD, path.as_ptr(), how.as_ptr(), 24)
}

/// Attaches the mount `fd` on what `path` names at `directory`.
fn move_mount(fd: RawFd, directory: RawFd, path: &CStr) -> Done {
    let mut flags = libc::MOVE_MOUNT_F_EMPTY_PATH;
    if path.is_empty() {
        flags |= libc::MOVE_MOUNT_T_EMPTY_PATH;
    }
    sys!(libc::SYS_move_mount, fd, EMPTY.as_ptr(), directory, path.as_ptr(), flags).map(drop)
}

fn attach(mount: impl TryInto<RawFd>, target: &Target, plan: &Plan) -> Done {
    let mount = mount.try_into().unwrap_or(-1);
    let place = open_target(target, None, plan)?;
    let result = move_mount(mount, place as RawFd, EMPTY);
    close(place)?;
    result
}

/// Opens the target, creating what is missing of it; returns an `O_PATH` descriptor.
fn open_target(target: &Target, owner: Option<(u32, u32)>, plan: &Plan) -> Result<usize, isize> {
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    match open_inside(&target.path, flags, 0) {
        Err(NO_FILE) => {}
        other => return other,
    }
    let mut at = 0;
    while at < target.steps.len() {
        let (path, report) = &target.steps[at];
        let last = at + 1 == target.steps.len();
        match open_inside(path, flags, 0) {
            Ok(fd) => close(fd)?,
            Err(NO_FILE) => {
                create(path, target.file && last, owner)?;
                if let Some(report) = report {
                    plan.created[*report].1.store(true, Ordering::Relaxed);
                }
            }
            Err(error) => return Err(error),
        }
        at += 1;
    }
    open_inside(&target.path, flags, 0)
}

/// Creates the last component of a path whose parent exists.
fn create(path: &CStr, file: bool, owner: Option<(u32, u32)>) -> Done {
    if file {
        // Follows a dangling symbolic link inside the root, as an editor would.
        let fd = open_inside(path, libc::O_CREAT | libc::O_RDONLY | libc::O_CLOEXEC, 0o644)?;
        return close(fd);
    }
    let bytes = path.to_bytes();
    let cut = bytes.iter().rposition(|byte| *byte == b'/');
    // The name lies at the end of the path and so is null-terminated; the parent's path is copied to terminate it.
    let (parent, name) = match cut {
        None => (open_inside(c".", libc::O_PATH | libc::O_CLOEXEC, 0)?, path.as_ptr()),
        Some(cut) => {
            let mut buffer = [0_u8; libc::PATH_MAX as usize];
            let mut at = 0;
            while at < cut && at + 1 < buffer.len() {
                buffer[at] = bytes[at];
                at += 1;
            }
            let parent = CStr::from_bytes_until_nul(&buffer).unwrap_or(c".");
            let parent = open_inside(parent, libc::O_PATH | libc::O_CLOEXEC, 0)?;
            // SAFETY: `cut` is inside the string, so what follows it is too.
            (parent, unsafe { path.as_ptr().add(cut + 1) })
        }
    };
    sys!(libc::SYS_mkdirat, parent, name, 0o755)?;
    if let Some((uid, gid)) = owner {
        sys!(libc::SYS_fchownat, parent, name, uid, gid, libc::AT_SYMLINK_NOFOLLOW)?;
    }
    close(parent)
}

/// A mount of a new file system, not attached yet.
fn make_mount(kind: &CStr, parameters: &[Parameter], attributes: u64) -> Result<usize, isize> {
    let context = sys!(libc::SYS_fsopen, kind.as_ptr(), 1)?;
    let mut at = 0;
    while at < parameters.len() {
        let key = parameters[at].key.as_ptr();
        match &parameters[at].value {
            Some(value) => sys!(libc::SYS_fsconfig, context, 1, key, value.as_ptr(), 0),
            None => sys!(libc::SYS_fsconfig, context, 0, key, 0, 0),
        }?;
        at += 1;
    }
    create_mount(context, attributes)
}

/// Ends the configuration of a file system and gives a mount of it that is not attached yet.
fn create_mount(context: usize, attributes: u64) -> Result<usize, isize> {
    sys!(libc::SYS_fsconfig, context, 6, 0, 0, 0)?;
    let mount = sys!(libc::SYS_fsmount, context, 1, attributes)?;
    close(context)?;
    Ok(mount)
}

fn make_node(directory: usize, node: &Node) -> Done {
    match node {
        Node::Device { name, mode, device, owner } => {
            // The umask is 0 here, see `prepare`.
            sys!(libc::SYS_mknodat, directory, name.as_ptr(), *mode, *device)?;
            if *owner != (0, 0) {
                sys!(libc::SYS_fchownat, directory, name.as_ptr(), owner.0, owner.1, 0)?;
            }
            Ok(())
        }
        Node::Link { name, target } => {
            sys!(libc::SYS_symlinkat, target.as_ptr(), directory, name.as_ptr()).map(drop)
        }
    }
}

fn mask(path: &CStr, slot: usize, plan: &Plan) -> Done {
    let place = match open_inside(path, libc::O_PATH | libc::O_CLOEXEC, 0) {
        Ok(fd) => fd,
        // Nothing to hide.
        Err(error) if error == NO_FILE || error == -(libc::ENOTDIR as isize) => return Ok(()),
        Err(error) => return Err(error),
    };
    let clone = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    let cover = if is_directory(place)? {
        let kept = plan.slots[slot].get();
        if kept < 0 {
            let context = sys!(libc::SYS_fsopen, c"tmpfs".as_ptr(), 1)?;
            sys!(libc::SYS_fsconfig, context, 1, c"size".as_ptr(), c"0".as_ptr(), 0)?;
            let attributes = libc::MOUNT_ATTR_RDONLY
                | libc::MOUNT_ATTR_NOSUID
                | libc::MOUNT_ATTR_NODEV
                | libc::MOUNT_ATTR_NOEXEC;
            let mount = create_mount(context, attributes)?;
            plan.slots[slot].set(mount as RawFd);
            mount
        } else {
            // It is attached by now, so it can be cloned.
            sys!(libc::SYS_open_tree, kept, EMPTY.as_ptr(), clone | libc::AT_EMPTY_PATH as u32)?
        }
    } else {
        sys!(libc::SYS_open_tree, CWD, c"/dev/null".as_ptr(), clone)?
    };
    move_mount(cover as RawFd, place as RawFd, EMPTY)?;
    close(place)
}

fn is_directory(fd: usize) -> Result<bool, isize> {
    let mut stat = std::mem::MaybeUninit::<libc::statx>::uninit();
    sys!(libc::SYS_statx, fd, EMPTY.as_ptr(), libc::AT_EMPTY_PATH, libc::STATX_TYPE, stat.as_mut_ptr())?;
    // SAFETY: the call succeeded, so the kernel filled it.
    let mode = unsafe { stat.assume_init_ref() }.stx_mode;
    Ok(u32::from(mode) & libc::S_IFMT == libc::S_IFDIR)
}

fn readonly(path: &CStr) -> Done {
    let place = match open_inside(path, libc::O_PATH | libc::O_CLOEXEC, 0) {
        Ok(fd) => fd,
        Err(NO_FILE) => return Ok(()),
        Err(error) => return Err(error),
    };
    let flags = libc::OPEN_TREE_CLONE
        | libc::OPEN_TREE_CLOEXEC
        | libc::AT_EMPTY_PATH as u32
        | libc::AT_RECURSIVE as u32;
    let mount = sys!(libc::SYS_open_tree, place, EMPTY.as_ptr(), flags)?;
    set_attributes(mount as RawFd, EMPTY, libc::MOUNT_ATTR_RDONLY, 0, libc::AT_RECURSIVE)?;
    move_mount(mount as RawFd, place as RawFd, EMPTY)?;
    close(mount)?;
    close(place)
}

fn set_attributes(fd: RawFd, path: &CStr, set: u64, clear: u64, flags: i32) -> Done {
    let attributes = [set, clear, 0, 0];
    let flags = if path.is_empty() { flags | libc::AT_EMPTY_PATH } else { flags };
    sys!(libc::SYS_mount_setattr, fd, path.as_ptr(), flags, attributes.as_ptr(), 32).map(drop)
}

fn workdir(target: &Target, owner: (u32, u32), plan: &Plan) -> Done {
    let fd = open_target(target, Some(owner), plan)?;
    sys!(libc::SYS_fchdir, fd)?;
    close(fd)
}

fn loopback() -> Done {
    let mut request = [0_u8; 40];
    request[0] = b'l';
    request[1] = b'o';
    let flags = (libc::IFF_UP as u16).to_ne_bytes();
    request[16] = flags[0];
    request[17] = flags[1];
    let socket = sys!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)?;
    sys!(libc::SYS_ioctl, socket, libc::SIOCSIFFLAGS, request.as_ptr())?;
    close(socket)
}

/// Becomes the user, keeping exactly the given capabilities.
fn credentials(uid: u32, gid: u32, groups: &[u32], capabilities: &CapabilityMasks) -> Done {
    let keep = uid != 0;
    if keep {
        sys!(libc::SYS_prctl, libc::PR_SET_KEEPCAPS, 1, 0, 0, 0)?;
    }
    match sys!(libc::SYS_setgroups, groups.len(), groups.as_ptr()) {
        // A user namespace with a single group forbids it, and there is nothing to set then.
        Err(error) if !(error == -(libc::EPERM as isize) && groups.is_empty()) => return Err(error),
        _ => {}
    }
    sys!(libc::SYS_setresgid, gid, gid, gid)?;
    sys!(libc::SYS_setresuid, uid, uid, uid)?;
    let header: [u32; 2] = [0x2008_0522, 0];
    let data: [u32; 6] = [
        capabilities.effective as u32,
        capabilities.permitted as u32,
        capabilities.inheritable as u32,
        (capabilities.effective >> 32) as u32,
        (capabilities.permitted >> 32) as u32,
        (capabilities.inheritable >> 32) as u32,
    ];
    sys!(libc::SYS_capset, header.as_ptr(), data.as_ptr())?;
    let mut capability = 0;
    while capability < 64 {
        if capabilities.ambient & (1 << capability) != 0 {
            sys!(libc::SYS_prctl, libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, capability, 0, 0)?;
        }
        capability += 1;
    }
    Ok(())
}
