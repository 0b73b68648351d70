"""Walls around a process: files and network closed by the operating system, for good.

Three kinds, each used where the machine has it:

*   Landlock (Linux 5.13 and later) takes away the right to open files. In a first step only code may still be
    opened, so that libraries can be imported; in a second step nothing.
*   A seccomp filter (Linux) refuses every system call that takes a path, opens a socket, starts a program or
    reaches into another process. Landlock alone leaves names, sizes, links and attributes of files readable.
*   A limit of zero new file descriptors (any Unix), and an audit hook (any Python) where others are missing.

Numbers and structures: ``linux/landlock.h``, ``linux/seccomp.h``, ``linux/bpf_common.h``, ``linux/audit.h``
and the kernel's system call tables for x86-64 and arm64.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import resource
import struct
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

CODE = re.compile(
    r"(\.(pyc?|pyi|pyd|dylib|so(\.\d+)*|typed|h|hpp|c|cc|cpp|pyx|pxd|pxi|f|f90|md|rst|css|js|html|svg|png|ttf|afm)"
    r"|^(METADATA|RECORD|WHEEL|INSTALLER|REQUESTED|entry_points\.txt|top_level\.txt))$"
)
"""Names of files that hold code, or words and pictures about it, and no data."""

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""By ABI of Landlock: how many rights on files it knows; the last one for later ABIs too."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_CLONE = {"x86_64": 56, "aarch64": 220}

_FORBIDDEN: dict[str, tuple[int, ...]] = {
    "x86_64": (
        *(2, 85, 257, 437, 303, 304),  # open, creat, openat, openat2, names and opens by handle
        *(4, 6, 262, 332, 21, 269, 439, 89, 267),  # stat, access, readlink
        *(188, 189, 191, 192, 194, 195, 197, 198, 463, 464, 465, 466, 137, 80),  # attributes, statfs, chdir
        *(76, 82, 83, 84, 86, 87, 88, 90, 92, 94, 132, 133, 235),  # truncate, rename, link, chmod, times
        *(258, 259, 260, 261, 263, 264, 265, 266, 268, 280, 316, 452),  # the same, relative to a folder
        *(155, 161, 165, 166, 272, 308, 428, 429, 430, 442, 457, 458, 135),  # roots, mounts, namespaces
        *(41, 42, 43, 49, 50, 53, 288),  # sockets
        *(29, 30, 31, 67, 64, 65, 66, 68, 69, 70, 71, 240, 319, 447),  # memory and messages between processes
        *(57, 58, 59, 322, 62, 200, 234, 129, 297, 109, 112, 424, 434, 438),  # processes, programs, signals
        *(101, 310, 311, 440, 298, 321, 323, 248, 249, 250, 425, 426, 427),  # others' memory, keys, io_uring
        *(253, 254, 294, 300, 301),  # watches
        *(103, 312),  # the kernel's log, what processes share
        *(97, 160, 302, 140, 141, 251, 252, 95),  # limits, priorities, the mask of new files
        *(142, 143, 144, 145, 148, 203, 314, 315),  # how one is scheduled, but for on which processors
    ),
    "aarch64": (
        *(56, 437, 264, 265),
        *(79, 291, 48, 439, 78),
        *(5, 6, 8, 9, 11, 12, 14, 15, 463, 464, 465, 466, 43, 49),
        *(45, 33, 34, 35, 36, 37, 38, 53, 54, 88, 276, 452),
        *(41, 51, 40, 39, 97, 268, 428, 429, 430, 442, 457, 458, 92),
        *(198, 203, 202, 200, 201, 199, 242),
        *(194, 195, 196, 197, 190, 191, 193, 186, 187, 188, 189, 180, 279, 447),
        *(221, 281, 129, 130, 131, 138, 240, 154, 157, 424, 434, 438),
        *(117, 270, 271, 440, 241, 280, 282, 217, 218, 219, 425, 426, 427),
        *(26, 27, 262, 263),
        *(116, 272),
        *(163, 164, 261, 141, 140, 30, 31, 166),
        *(118, 119, 120, 121, 127, 122, 274, 275),
    ),
}
"""System calls that are refused, by machine."""

_CLONE3 = 435

_OWN_ONLY: dict[str, tuple[tuple[int, int], ...]] = {
    # Processors, by which libraries count threads; groups, sessions, locks.
    "x86_64": ((204, 0), (121, 0), (124, 0), (274, 0)),
    "aarch64": ((123, 0), (155, 0), (156, 0), (100, 0)),
}
"""System calls that ask about a process, and the argument that names it: it must be 0, which is this one."""

_PRCTL: dict[str, int] = {"x86_64": 157, "aarch64": 167}
_SET_FROM_OUTSIDE = (30, 62)
"""What ``prctl`` says of a process and another can set: its timers' slack, with whom it shares cores."""

_NUMBERS: dict[str, tuple[int, ...]] = {"x86_64": (39, 110, 186, 218), "aarch64": (172, 173, 178, 96)}
"""System calls that say numbers of processes and threads, which a run can use up: they say 0."""

_CLOCK = {"x86_64": 228, "aarch64": 113}
"""Reads a clock; negative numbers are the clocks of processes."""

_OUTSIDE = (
    *("open", "os.", "shutil.", "glob.", "pathlib.", "mmap.", "fcntl.", "sqlite3.", "socket.", "subprocess."),
    *("resource.", "ctypes.dlopen", "pty.", "ftplib.", "http.", "urllib.", "winreg.", "import.oracle"),
)
"""Beginnings of audit events that code behind walls must not raise."""


Kind = Literal["landlock", "seccomp"]
"""What not every machine has. New descriptors can be refused everywhere."""


def allow_only_code(packages: Iterable[Path], without: Collection[Kind] = ()) -> str:
    """Let this process and its children open nothing but code from now on, where Landlock exists.

    Parameters
    ----------
    packages : iterable of Path
        Folders and files of installed libraries. Of the interpreter's own library everything may be read; of
        these only code, not the data that lies beside it.
    without : collection of {"landlock", "seccomp"}
        What to do without, as a machine that does not have it.

    Returns
    -------
    str
        The wall in words; empty where there is none.
    """
    abi = 0 if "landlock" in without else landlock_abi()
    if abi < 1:
        return ""
    ruleset = _ruleset(abi)
    try:
        for path in _interpreter():
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for package in packages:
            _allow(ruleset, package.parent, _READ_DIR)
            if package.is_symlink() and package.is_dir():  # it is kept elsewhere
                _allow(ruleset, package, _READ_DIR)
            for path in code_in(package):
                _allow(ruleset, path, _READ_FILE | (_READ_DIR if path.is_dir() else 0))
        _restrict(ruleset)
    finally:
        os.close(ruleset)
    return f"Landlock (ABI {abi})"


def close_everything(without: Collection[Kind] = ()) -> tuple[str, ...]:
    """Let this process open no file, no socket and no program from now on.

    Parameters
    ----------
    without
        As in `allow_only_code`.

    Returns
    -------
    tuple of str
        The walls that stand, in words, the strongest first.
    """
    os.chdir("/")  # any other folder can be renamed to say something
    walls = []
    abi = 0 if "landlock" in without else landlock_abi()
    if abi >= 1:
        ruleset = _ruleset(abi)
        _restrict(ruleset)
        os.close(ruleset)
        walls.append(f"Landlock (ABI {abi})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    if "seccomp" not in without and _filter_system_calls():
        walls.append("seccomp")
    walls.append("no new file descriptor")
    if len(walls) < 3:
        sys.addaudithook(_refuse)
        walls.append("audit hook")
    return tuple(walls)


def landlock_abi() -> int:
    """Version of the kernel's Landlock; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    version: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return max(version, 0)


def code_in(package: Path) -> list[Path]:
    """Files of code below `package`; a folder that holds nothing else stands for all that is in it."""
    if not package.is_dir():
        return [package] if CODE.search(package.name) else []
    only_code, pieces = _pieces(package)
    return [package] if only_code else pieces


def _pieces(folder: Path) -> tuple[bool, list[Path]]:
    """Whether `folder` holds nothing but code, and where in it code is."""
    pure, found = True, []
    with os.scandir(folder) as entries:
        for entry in entries:
            pure &= not entry.is_symlink()  # what it leads to lies elsewhere
            if entry.is_dir():
                only_code, pieces = _pieces(Path(entry.path))
                pure &= only_code
                found += [Path(entry.path)] if only_code else pieces
            elif CODE.search(entry.name):
                found.append(Path(entry.path))
            else:
                pure = False
    return pure, found


def _interpreter() -> Iterator[Path]:
    """Python's own library, the libraries of the system, and what describes the machine and time zones."""
    paths = sysconfig.get_paths()
    for library in {Path(paths["stdlib"]), Path(paths["platstdlib"])}:
        yield from (path for path in library.iterdir() if path.name not in ("site-packages", "dist-packages"))
    prefixes = (Path(sys.prefix), Path(sys.base_prefix), *map(Path, (paths["purelib"], paths["platlib"])))
    for folder in _mapped_folders():
        if not any(prefix == folder or prefix in folder.parents for prefix in prefixes):
            yield folder
    yield from Path(sys.base_prefix, "lib").glob("*.so*")
    for name in ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/sys/devices/system/cpu", "/dev/null"):
        if os.path.exists(name):
            yield Path(name)


def _mapped_folders() -> set[Path]:
    """Folders of the libraries that this process has loaded."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        names = {line.split(maxsplit=5)[-1].strip() for line in maps if ".so" in line}
    return {Path(name).resolve().parent for name in names if name.startswith("/")}


def _ruleset(abi: int) -> int:
    files = (1 << _RIGHTS[min(abi, 5)]) - 1
    network = 3 if abi >= 4 else 0  # bind and connect TCP
    scoped = 3 if abi >= 6 else 0  # abstract sockets and signals
    words = [files] + [network] * (abi >= 4) + [scoped] * (abi >= 6)
    attributes = struct.pack(f"={len(words)}Q", *words)
    descriptor: int = _libc().syscall(
        _CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), 0
    )
    return _checked(descriptor, "landlock_create_ruleset")


def _allow(ruleset: int, path: Path, rights: int) -> None:
    if not path.is_dir():
        rights &= ~_READ_DIR
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        attributes = ctypes.c_char_p(struct.pack("=Qi", rights, parent))
        _checked(_libc().syscall(_ADD_RULE, ruleset, 1, attributes, 0), f"landlock_add_rule {path}")
    finally:
        os.close(parent)


def _restrict(ruleset: int) -> None:
    _no_new_privileges()
    _checked(_libc().syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")


def _no_new_privileges() -> None:
    _checked(_libc().prctl(38, 1, 0, 0, 0), "prctl PR_SET_NO_NEW_PRIVS")


def _checked(outcome: int, what: str) -> int:
    if outcome < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return outcome


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _filter_system_calls() -> bool:
    """Install the filter; False where the machine or the kernel can't."""
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in _ARCHITECTURES:
        return False
    program = _program(machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    pointer = ctypes.c_char_p(struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(buffer)))
    _no_new_privileges()
    installed: int = _libc().prctl(22, 2, pointer, 0, 0)
    return installed == 0


def _program(machine: str) -> bytes:
    """Packet filter over ``struct seccomp_data``: number at 0, architecture at 4, arguments from 16."""
    allow, refuse, absent, nothing = 0x7FFF0000, 0x00050001, 0x00050026, 0x00050000  # allow; EPERM; ENOSYS; 0
    load, equal, any_bit, end = 0x20, 0x15, 0x45, 0x06
    steps: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (equal, 1, 0, _ARCHITECTURES[machine]),
        (end, 0, 0, refuse),
        (load, 0, 0, 0),
    ]
    if machine == "x86_64":
        steps += [(0x35, 0, 1, 0x40000000), (end, 0, 0, refuse)]  # the x32 numbers
    for number in _FORBIDDEN[machine]:
        steps += [(equal, 0, 1, number), (end, 0, 0, refuse)]
    for number, argument in _OWN_ONLY[machine]:
        steps += [(equal, 0, 4, number), (load, 0, 0, 16 + 8 * argument), (equal, 0, 1, 0)]
        steps += [(end, 0, 0, allow), (end, 0, 0, refuse)]
    for number in _NUMBERS[machine]:
        steps += [(equal, 0, 1, number), (end, 0, 0, nothing)]
    for option in _SET_FROM_OUTSIDE:
        steps += [(equal, 0, 4, _PRCTL[machine]), (load, 0, 0, 16), (equal, 0, 1, option)]
        steps += [(end, 0, 0, refuse), (load, 0, 0, 0)]
    steps += [(equal, 0, 4, _CLOCK[machine]), (load, 0, 0, 16), (any_bit, 0, 1, 0x80000000)]
    steps += [(end, 0, 0, refuse), (end, 0, 0, allow)]
    # Threads are fine, processes are not. No filter sees the flags of clone3, from which libraries fall back.
    steps += [(equal, 0, 1, _CLONE3), (end, 0, 0, absent)]
    steps += [(equal, 0, 4, _CLONE[machine]), (load, 0, 0, 16), (any_bit, 0, 1, 0x10000)]
    steps += [(end, 0, 0, allow), (end, 0, 0, refuse)]
    steps += [(end, 0, 0, allow)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_OUTSIDE):
        raise PermissionError(f"{event} is out of reach while deciding")
