"""Lets a process and its children live on a kernel that lacks system calls."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Callable, Iterable

#: Numbers that are the same on all machines of the last ten years.
CALLS = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "pidfd_open": 434,
    "clone3": 435,
    "mount_setattr": 442,
}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def refusing(names: Iterable[str], error: int = errno.ENOSYS) -> Callable[[], None]:
    """For `preexec_fn`: these calls fail with this error from now on."""
    numbers = [CALLS[name] for name in names]
    program = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCHITECTURE[platform.machine()]),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, 0),
    ]
    for number in numbers:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]
    program.append((_RETURN, 0, 0, _ALLOW))
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply() -> None:
        header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(filters))
        # Needs CAP_SYS_ADMIN, which the engine needs as well; without no_new_privs, so that nothing else changes.
        if libc.prctl(22, 2, ctypes.c_char_p(header), 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")

    return apply
