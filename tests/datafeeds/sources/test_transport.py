"""Asking one address: what is tried again, how long is waited for, and what is refused."""

from __future__ import annotations

import datetime as dt
import email.utils
import gzip
import json
import random
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from datafeeds.market import MarketError
from datafeeds.sources import transport
from datafeeds.sources.transport import NotThere, Pace, Patience, Unreachable, Unreadable, read
from tests.datafeeds.sources.server import Answer, Server


def get(server: Server, *answers: Answer, check: Callable[[bytes], object] = json.loads) -> bytes:
    server.serve("/x", *answers)

    def checked(body: bytes) -> object:
        try:
            return check(body)
        except ValueError as error:
            raise MarketError(f"x: not JSON: {error}") from None

    return read(f"{server.address}/x", checked, agent="a", patience=Patience(timeout=5.0), pace=Pace(0.0))


GOOD = Answer(b'{"facts": {}}')


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_a_refusal_for_the_moment_is_tried_again(server: Server, status: int, waits: list[float]) -> None:
    assert get(server, Answer(status=status), GOOD) == GOOD.body
    assert waits == [1.0]


def test_waits_double(server: Server, waits: list[float]) -> None:
    with pytest.raises(Unreachable, match=r"it answers 500 Internal Server Error \(5 attempts\)"):
        get(server, Answer(status=500))
    assert waits == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 1.0), (1.0, 2.0)])
def test_waits_differ_between_programs(
    server: Server, waits: list[float], monkeypatch: pytest.MonkeyPatch, chance: float, wait: float
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low + chance * (high - low))
    get(server, Answer(status=500), GOOD)
    assert waits == [wait]


def test_other_failures_are_not_tried_again() -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        Patience().call("x", fail)
    assert calls == [1]


def test_retry_after_is_honoured(server: Server, waits: list[float]) -> None:
    busy = Answer(status=429, headers={"Retry-After": "0"})
    later = Answer(status=503, headers={"Retry-After": "7"})
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    dated = Answer(status=503, headers={"Retry-After": email.utils.format_datetime(soon)})
    odd = Answer(status=503, headers={"Retry-After": "soon"})
    assert get(server, busy, later, dated, odd, GOOD) == GOOD.body
    assert waits[:2] == [0.0, 7.0]
    assert 20 < waits[2] <= 30
    assert waits[3] == 8.0


def test_a_host_that_asks_to_wait_too_long(server: Server) -> None:
    with pytest.raises(Unreachable, match="it asks to wait 3600 seconds"):
        get(server, Answer(status=429, headers={"Retry-After": "3600"}))
    assert len(server.requests) == 1


def test_a_half_written_response_is_asked_for_again(server: Server) -> None:
    assert get(server, replace(GOOD, cut=5), GOOD) == GOOD.body
    with pytest.raises(Unreachable, match="the connection closed in the middle of the response"):
        get(server, replace(GOOD, cut=5))


def test_a_response_cut_short_without_a_stated_length_is_asked_for_again(server: Server) -> None:
    cut = Answer(b'{"facts": {', length=False)
    assert get(server, cut, GOOD) == GOOD.body
    with pytest.raises(Unreadable, match="x: not JSON"):
        get(server, cut)


def test_a_damaged_compressed_response_is_asked_for_again(server: Server) -> None:
    packed = gzip.compress(GOOD.body)
    headers = {"Content-Encoding": "gzip"}
    assert get(server, Answer(packed[:-4], headers=headers), Answer(packed, headers=headers)) == GOOD.body


def test_a_web_page_is_not_asked_for_again(server: Server) -> None:
    with pytest.raises(Unreadable, match="a web page instead of data: 'Request Rate Threshold Exceeded'"):
        get(server, Answer(b"<html><title>Request Rate Threshold Exceeded</title>", kind="text/html"))
    assert len(server.requests) == 1


def test_other_answers(server: Server) -> None:
    with pytest.raises(NotThere, match="404"):
        get(server, Answer(status=404))
    with pytest.raises(Unreadable, match="403"):
        get(server, Answer(status=403))


def test_a_refusal_of_the_sec_says_what_it_means() -> None:
    refusal = httpx.Response(403, request=httpx.Request("GET", "https://data.sec.gov/x"))
    with pytest.raises(Unreachable, match=r"the SEC refuses.*ten minutes"):
        transport._refuse(refusal)


def test_a_host_that_does_not_answer(server: Server) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        patience = Patience(attempts=2, timeout=0.05)
        with pytest.raises(Unreachable, match=r"timed out \(2 attempts\)"):
            read(address, json.loads, agent="a", patience=patience, pace=Pace(0.0))


def test_the_sec_is_asked_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    asked: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    pace = Pace(0.125)
    for _ in range(25):
        pace.wait()
        asked.append(now[0])
    assert all(later - earlier >= 0.1 for earlier, later in zip(asked, asked[10:], strict=False))
    assert max(sum(begin <= moment < begin + 1 for moment in asked) for begin in asked) <= 10
    now[0] += 60
    pace.wait()
    assert now[0] == asked[-1] + 60
