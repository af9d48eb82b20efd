"""What the converter child gives up before it opens anything hostile: the network, other folders, its user, new privileges.

A newcomer would give up everything at one moment. Network and folders are given up for the thread that asks and for those that it
starts later, so they go first, while there is one thread. The user goes last: Python may lie in a folder that only root can enter.
What the system will not let us give up is a reason in `Isolation`, for `reread doctor` to show, and mostly no error.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from errors import ConversionFailed

NOBODY = 65534  #: the user, and the group, that own nothing on any Linux

_PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 38, 39  #: linux/prctl.h
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  #: linux/sched.h
_CAPABILITY_VERSION = 0x20080522  #: linux/capability.h, version 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What is in force in a converter child."""

    network: bool = False  #: True = there is none: not even loopback
    files: bool = (
        False  #: True = it writes in its own folder only, and signals nobody outside where the kernel can hold that too
    )
    uid: int | None = None  #: the unprivileged user that it became; None = its parent's user still
    no_new_privileges: bool = False  #: True = no setuid program gives it any
    reasons: tuple[str, ...] = ()  #: why what is not in force is not, and what to do


def unprivileged_uid() -> int | None:
    """The user that a child becomes: nobody for root's children. Only root can become somebody else."""
    return NOBODY if os.geteuid() == 0 else None


def confine(folder: Path) -> Isolation:
    """Give up new privileges, the network, and writing outside this folder. For the calling thread and all that it starts."""
    if sys.platform != "linux":
        return Isolation(
            reasons=(f"network, files and privileges: only Linux lets a process give them up, this is {sys.platform}",)
        )
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    network, files = _cut_network(libc), _fence(libc, folder)
    return Isolation(
        network=not network,
        files=not files,
        no_new_privileges=libc.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
        reasons=(*network, *files),
    )


def change_user(isolation: Isolation, uid: int | None) -> Isolation:
    """Become this user, of no group but its own; with root go all capabilities, in every thread. Raises
    ConversionFailed where root may not."""
    if uid is None:
        why = (
            "its parent is not root, and only root can start it as another"
            if os.geteuid()
            else "it was told to stay root, or its parent may not give files away; leave uid as it is, and grant CAP_CHOWN"
        )
        return replace(isolation, reasons=(*isolation.reasons, f"user: it runs as uid {os.geteuid()}: {why}"))
    try:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    except PermissionError as error:
        raise ConversionFailed(
            f"The converter child could not become the user {uid}: {error.strerror}. No document was read. "
            "Grant CAP_SETUID and CAP_SETGID, or start Reread as a user who is not root."
        ) from error
    os.environ["HOME"] = os.environ.get("TMPDIR", "/")  # root's own cannot be entered, and looking there raises
    return replace(isolation, uid=os.getuid(), reasons=(*isolation.reasons, *_unreachable()))


def _unreachable() -> Iterator[str]:
    """Where this user cannot read Python itself: what was not imported by now never will be."""
    for module in (os, ctypes):
        folder = Path(module.__file__ or "").parent
        if not os.access(folder, os.R_OK | os.X_OK):
            yield (
                f"imports: uid {os.getuid()} cannot enter {folder}, so a rare file may need what can no longer be imported. "
                "Install Python where every user can read it"
            )
            return


def _cut_network(libc: ctypes.CDLL) -> tuple[str, ...]:
    """An empty network namespace in place of the host's; the reason where there can be none."""
    if libc.unshare(_CLONE_NEWNET) == 0:
        return ()
    reason = os.strerror(ctypes.get_errno())
    # There is no way back out of a user namespace that we may enter and not use, so a copy of this process goes first.
    if os.getuid() != 0 and _works_in_a_copy(lambda: _enter_own_namespace(libc)):
        _enter_own_namespace(libc)
        return ()
    return (
        f"network: the kernel gave no namespace ({reason}); at most TCP connections are refused. "
        "Allow user namespaces, grant CAP_SYS_ADMIN, or start Reread where there is no network",
    )


def _works_in_a_copy(step: Callable[[], None]) -> bool:
    copy = os.fork()
    if copy == 0:
        try:
            step()
            os._exit(0)
        except OSError:
            os._exit(1)
        finally:
            os._exit(2)
    return os.waitpid(copy, 0)[1] == 0


def _enter_own_namespace(libc: ctypes.CDLL) -> None:
    """A user namespace of one's own lends the right to an empty network; the right is given back at once. Raises OSError."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        raise _error("unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _drop_capabilities(libc)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Those of our own user namespace: no power over the host, but more of the kernel in reach."""
    header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION, 0))
    if libc.capset(header, ctypes.create_string_buffer(24)) != 0:
        raise _error("capset")


#: Syscalls of Landlock, the same on all machines; its rights to write, and by which version each came (linux/landlock.h).
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_REMOVE_AND_MAKE = 0b1_1111_1111 << 4
_TCP = 0b11  #: bind and connect
_SIGNALS = 1 << 1  #: to processes outside


def _fence(libc: ctypes.CDLL, folder: Path) -> tuple[str, ...]:
    """Landlock: writing in this folder only, whoever one is; the reason where that cannot be."""
    try:
        _write_only_in(libc, folder)
    except OSError as error:
        return (
            f"files: no Landlock ({error.strerror}); only the rights of its user keep it from writing elsewhere. "
            "Use Linux 5.13 or later, and let Landlock's system calls through",
        )
    return ()


def _write_only_in(libc: ctypes.CDLL, folder: Path) -> None:
    """/dev stays open for what is there already, such as null and GPUs. Raises OSError."""
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        raise _error("landlock_create_ruleset")
    on_files = _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
    rights = on_files | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0)
    wanted = struct.pack("QQQ", rights, _TCP, _SIGNALS)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    rules = libc.syscall(_CREATE_RULESET, wanted, len(wanted), 0)
    if rules < 0:
        raise _error("landlock_create_ruleset")
    try:
        _allow(libc, rules, folder, rights)
        _allow(libc, rules, Path("/dev"), on_files)
        if libc.syscall(_RESTRICT_SELF, rules, 0) != 0:
            raise _error("landlock_restrict_self")
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, folder: Path, rights: int) -> None:
    beneath = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, beneath), 0) != 0:
            raise _error("landlock_add_rule")
    finally:
        os.close(beneath)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
