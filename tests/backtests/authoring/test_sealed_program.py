"""The program of the sealed processes, step by step in this process; walls that would last are left out.

That they stand is tested where cheaters run into them (`test_check_strategy`).
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from backtests.authoring.sealed import program, walls
from backtests.authoring.sealed.circumstances import circumstances
from backtests.authoring.sealed.market import FUTURES, Sender
from backtests.authoring.sealed.plain import CLASS
from backtests.authoring.sealed.program import FromMemory, Library, Question, Setting, Source, receive, send
from backtests.authoring.sealed.replay import _Line, arithmetic
from datafeeds.market import Market
from tests.backtests.authoring.cheaters import small_market

EQUAL = '''
from strategies import AsOf, Strategy, Target

class SealedEqual(Strategy):
    """Equal weights of what trades."""

    schedule = "weekly"

    def decide(self, see: AsOf) -> Target:
        names = see.members("core")
        return Target({name: 1.0 / len(names) for name in names}, why="equal")

class SealedWrong(Strategy):
    """Asks for what no market has."""

    def decide(self, see: AsOf) -> Target:
        raise KeyError("no such thing")
'''


@pytest.fixture(scope="module")
def small() -> Market:
    return small_market()


@pytest.fixture
def open_doors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What would last as long as this process is not done to it."""
    monkeypatch.setattr(program, "_end_with_parent", lambda: None)
    monkeypatch.setattr(program, "settle", lambda: None)
    monkeypatch.setattr(program, "close_everything", lambda without: ("none",))
    monkeypatch.setattr(program, "allow_only_code", lambda folders, without: "")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    handler = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, handler)
    sys.modules.pop("sealed_equal", None)


CODE = {"sealed_equal": Source(EQUAL, "sealed_equal.py", False)}


def asked(market: Market, name: str, count: int) -> list[dict[str, object]]:
    """What the sealed process of a missing future answers."""
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=program._serve, args=(theirs, "absent", CODE, (), circumstances()))
    serving.start()
    sender = Sender(market, {})
    send(ours, pickle.dumps(Setting({CLASS: f"sealed_equal:{name}"}, sender.shape, 1)))
    answers = [json.loads(receive(ours))]
    for session in range(30, 30 + count) if "walls" in answers[0] else ():
        send(ours, pickle.dumps(sender.until(session)))
        send(ours, pickle.dumps(Question(session, np.zeros(len(market.symbols)), None, True)))
        answers.append(json.loads(receive(ours)))
    ours.close()
    serving.join()
    theirs.close()
    return answers


@pytest.mark.usefixtures("open_doors")
def test_it_decides_from_text_and_news(small: Market) -> None:
    begun, *answers = asked(small, "SealedEqual", 3)
    assert begun == {"walls": ["none"]}
    for answer in answers:
        target = answer["target"]
        assert isinstance(target, dict)
        assert sum(target["weights"].values()) == pytest.approx(1.0)
        assert isinstance(answer["decides"], str)


@pytest.mark.usefixtures("open_doors")
def test_an_error_names_the_line(small: Market) -> None:
    _, answer = asked(small, "SealedWrong", 1)
    assert answer["error"] == "sealed_equal.py:17: KeyError: 'no such thing'"


@pytest.mark.usefixtures("open_doors")
def test_a_strategy_that_is_not_there_is_an_error(small: Market) -> None:
    (answer,) = asked(small, "SealedNothing", 1)
    assert "SealedNothing" in str(answer["error"])


@pytest.mark.usefixtures("open_doors")
def test_one_process_serves_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    split: list[str] = []

    def record(
        line: socket.socket, ends: list[int], mine: int, future: str, code: object, *others: object
    ) -> int:
        split.append(future)
        return len(split)

    monkeypatch.setattr(program, "_split", record)
    ours, theirs = socket.socketpair()
    library = Library(("json",), ("json.tool",), (), False)
    broken = {**CODE, "sealed_broken": Source("def", "sealed_broken.py", False)}
    send(ours, pickle.dumps((library, broken)))
    for places in ([0, 1, 2], [1]):
        send(ours, pickle.dumps((library, CODE)))
        pairs = [socket.socketpair() for _ in places]
        socket.send_fds(ours, [bytes(places)], [end.fileno() for _, end in pairs])
        for pair in pairs:
            for end in pair:
                end.close()
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        program._prepare(theirs, {})
    theirs.close()
    assert split == [*FUTURES, FUTURES[1]]
    assert [json.loads(receive(ours)) for _ in range(2)] == [[1, 2, 3], [4]]
    ours.close()


def test_messages_have_an_end() -> None:
    ours, theirs = socket.socketpair()
    sending = threading.Thread(target=send, args=(ours, b"x" * 3_000_000))
    sending.start()
    assert len(receive(theirs)) == 3_000_000
    sending.join()
    send(ours, b"much")
    with pytest.raises(ConnectionError, match="a message of 4 bytes"):
        receive(theirs, most=3)
    theirs.recv(4)
    ours.close()
    assert receive(theirs) == b""
    theirs.close()


def test_modules_come_from_memory() -> None:
    finder = FromMemory({**CODE, "sealed_package": Source("", "", True)})
    assert finder.find_spec("nowhere", None) is None
    assert finder.get_source("sealed_equal") == EQUAL
    assert finder.is_package("sealed_package")
    assert not finder.is_package("sealed_equal")
    assert finder.get_code("sealed_equal") is finder.get_code("sealed_equal")


# Walls -----------------------------------------------------------------------------------------------


class Kernel:
    """A kernel that says yes, or no, and remembers what it was asked."""

    def __init__(self, answer: int = 0) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def syscall(self, number: int, *arguments: object) -> int:
        self.asked.append({444: "ruleset", 445: "rule", 446: "restrict"}[number])
        return os.open(os.devnull, os.O_RDONLY) if number == 444 and not self.answer else self.answer

    def prctl(self, *arguments: object) -> int:
        self.asked.append(f"prctl {arguments[0]}")
        return self.answer


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    asked = Kernel()
    monkeypatch.setattr(walls, "_libc", lambda: asked)
    monkeypatch.setattr(walls, "landlock_abi", lambda: 7)
    return asked


def test_only_code_may_be_opened(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "code.py").write_text("")
    (tmp_path / "library" / "prices.csv").write_text("")
    (tmp_path / "pure").mkdir()
    (tmp_path / "pure" / "code.py").write_text("")
    assert walls.code_in(tmp_path / "library") == [tmp_path / "library" / "code.py"]
    assert walls.code_in(tmp_path / "pure") == [tmp_path / "pure"]
    assert walls.code_in(tmp_path / "library" / "prices.csv") == []
    before = len(os.listdir("/proc/self/fd"))
    assert walls.allow_only_code([tmp_path / "library"]) == "Landlock (ABI 7)"
    assert len(os.listdir("/proc/self/fd")) == before
    assert kernel.asked[0] == "ruleset"
    assert kernel.asked[-2:] == ["prctl 38", "restrict"]
    assert walls.allow_only_code([], without=("landlock",)) == ""


def test_walls_are_named_the_strongest_first(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "chdir", lambda place: None)
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: None)
    monkeypatch.setattr(sys, "addaudithook", lambda hook: None)
    assert walls.close_everything() == ("Landlock (ABI 7)", "seccomp", "no new file descriptor")
    weaker = walls.close_everything(("landlock", "seccomp"))
    assert weaker == ("no new file descriptor", "audit hook")
    kernel.answer = -1
    with pytest.raises(OSError, match="landlock"):
        walls.close_everything()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_knows_each_machine(machine: str) -> None:
    steps = walls._program(machine)
    assert len(steps) % 8 == 0
    for number in walls._FORBIDDEN[machine]:
        assert number.to_bytes(4, sys.byteorder) in steps


def test_an_audit_hook_refuses_what_reaches_outside() -> None:
    with pytest.raises(PermissionError, match="out of reach while deciding"):
        walls._refuse("open", ("prices.csv",))
    walls._refuse("compile", ())


class Ended(BaseException):
    """In place of the end of the process."""


def _end(status: int) -> None:
    raise Ended(status)


@pytest.mark.usefixtures("open_doors")
def test_a_child_keeps_its_own_socket_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[int, str]] = []
    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(os, "_exit", _end)
    monkeypatch.setattr(
        program,
        "_serve",
        lambda connection, future, code, without, given: served.append((connection.detach(), future)),
    )
    line, pairs = socket.socketpair(), [socket.socketpair() for _ in FUTURES]
    ends = [theirs.detach() for _, theirs in pairs]
    with pytest.raises(Ended):
        program._split(line[0], ends, ends[1], FUTURES[1], CODE, (), {})
    assert served == [(ends[1], FUTURES[1])]
    os.close(ends[1])
    for other in (ends[0], ends[2]):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(other)
    assert line[0].fileno() == -1
    monkeypatch.setattr(os, "fork", lambda: 4711)
    assert program._split(line[1], [], 0, FUTURES[0], CODE, (), {}) == 4711
    line[1].close()
    for ours, _ in pairs:
        ours.close()


@pytest.mark.usefixtures("open_doors")
@pytest.mark.parametrize("child", [0, 4711])
def test_each_socket_gets_a_process_and_the_last_ends_it(monkeypatch: pytest.MonkeyPatch, child: int) -> None:
    prepared: list[socket.socket] = []

    def fail(line: socket.socket, given: object) -> None:
        prepared.append(line)
        send(line, b"first")
        raise ImportError("no such library")

    monkeypatch.setattr(os, "fork", lambda: child)
    monkeypatch.setattr(os, "_exit", _end)
    monkeypatch.setattr(program, "_prepare", fail)
    control, order = socket.socketpair()
    ours, theirs = socket.socketpair()
    socket.send_fds(control, [b"+"], [theirs.fileno()])
    control.shutdown(socket.SHUT_WR)
    if child:
        program.main(order.detach(), {})
        assert not prepared
    else:
        with pytest.raises(Ended):
            program.main(order.detach(), {})
        assert [receive(ours), receive(ours)] == [b"first", b"[]"]
    for each in (control, ours, theirs, *prepared):
        each.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing is asked of the system")
def test_a_sealed_process_dies_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    system = SimpleNamespace(prctl=lambda option, value: asked.append((option, value)))
    monkeypatch.setattr(program.ctypes, "CDLL", lambda name: system)
    program._end_with_parent()
    assert asked == [(1, signal.SIGKILL)]


def test_compiled_code_is_not_kept_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    dispatcher = numba.core.dispatcher.Dispatcher
    monkeypatch.setattr(dispatcher, "enable_caching", dispatcher.enable_caching)
    program._warm(Library((), (), (), compiles=True))
    assert dispatcher.enable_caching(None) is None


def test_a_process_that_waits_has_read_other_time_zones_than_another_strategy_names() -> None:
    ours, theirs = (Library((), (), (), False, zones=zones) for zones in (("Asia/Seoul",), ()))
    line = _Line(socket.socket(), ours)
    assert (line.fits(ours), line.fits(theirs)) == (True, False)
    line.connection.close()


def test_words_that_are_no_time_zone_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[object] = []
    monkeypatch.setattr(program, "_ZONES", held)
    program._read_time_zones(["Asia/Seoul", "Books/Letters", "America", "../passwd"])
    assert list(map(str, held)) == ["Asia/Seoul"] * 2


def test_it_is_told_what_sums_depend_on_and_no_message() -> None:
    """OpenBLAS sums differently by processor: RiskParity decided otherwise where one was asked for."""
    said = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512", "OMP_NUM_THREADS": "2"}
    assert arithmetic({**said, "HOME": "/", "PLAN": "buy"}) == said
    plan = {"OPENBLAS_CORETYPE": "HaswellAAPL", "OPENBLAS_L2_SIZE": "512 AAPL", "OMP_NUM_THREADS": "20260102"}
    assert arithmetic(plan) == {}


@pytest.mark.parametrize("size", [0, 5, 70_000, 3 << 20])
def test_messages_arrive_whole(size: int) -> None:
    ours, theirs = socket.socketpair()
    messages = [bytes(size), b"question"]
    sending = threading.Thread(target=send, args=(ours, *messages))
    sending.start()
    assert [bytes(receive(theirs)) for _ in messages] == messages
    sending.join()
    sending = threading.Thread(target=send, args=(theirs, messages[0]))
    sending.start()
    assert bytes(receive(ours, alone=True)) == messages[0]
    sending.join()
    send(ours, b"too long.")
    with pytest.raises(ConnectionError, match="a message of 9 bytes"):
        receive(theirs, most=8, alone=True)
    theirs.close()
    assert receive(ours, alone=True) == b""
    ours.close()


def test_a_message_may_come_byte_by_byte() -> None:
    ours, theirs = socket.socketpair()

    def slowly() -> None:
        for byte in struct.pack("=Q", 6) + b"answer":
            ours.sendall(bytes([byte]))
            time.sleep(0.001)

    sending = threading.Thread(target=slowly)
    sending.start()
    assert bytes(receive(theirs, alone=True)) == b"answer"
    sending.join()
    ours.close()
    assert receive(theirs, alone=True) == b""
    theirs.close()


@pytest.mark.parametrize("alone", [True, False])
def test_half_a_message_is_none(alone: bool) -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(struct.pack("=Q", 10) + b"half")
    ours.close()
    assert receive(theirs, alone=alone) == b""
    theirs.close()


def test_more_than_an_answer_is_none() -> None:
    ours, theirs = socket.socketpair()
    send(ours, b"answer", b"and more")
    assert receive(theirs, alone=True) == b""
    ours.close()
    theirs.close()
