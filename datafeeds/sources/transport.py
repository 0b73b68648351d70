"""Asking other machines for what they have: slowly, patiently, and never taking one thing for another.

Refusals for the moment (408, 429, 5xx, timeouts, broken connections) are tried again after waits that double,
or after the time that the host asks for; what is final is said at once.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import gzip
import logging
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import stamina

from datafeeds.market import MarketError

T = TypeVar("T")

# Otherwise the logging module prints each retry, for want of a handler, into the progress bar.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class Unreachable(MarketError):  # noqa: N818  (reads as what it says)
    """A host that can't be reached now; asking again later may help."""


class NotThere(MarketError):  # noqa: N818  (reads as what it says)
    """Something that the host does not have."""


class Unreadable(MarketError):  # noqa: N818  (reads as what it says)
    """A response that is not what the address should give."""


class TryAgain(Exception):  # noqa: N818  (reads as what it says)
    """One attempt failed for the moment; `wait` is the time that the host asks for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How often and how slowly to ask again.

    Attributes
    ----------
    attempts : int
        How often to ask in all.
    first : float
        Seconds before the second attempt; each further wait is twice as long. Up to as much again is added
        by chance, so that programs that failed together don't ask together.
    longest : float
        Longest wait that is granted to a host that asks for one, in seconds.
    timeout : float
        Seconds without an answer after which an attempt has failed.
    """

    attempts: int = 5
    first: float = 1.0
    longest: float = 120.0
    timeout: float = 30.0

    def call(self, place: str, attempt: Callable[[], T]) -> T:
        """Call `attempt` until it does not raise `TryAgain`.

        Parameters
        ----------
        place : str
            Host, for messages.
        attempt : callable

        Raises
        ------
        Unreachable
            After the last attempt, or if the host asks to wait longer than `longest`.
        """
        retries = stamina.RetryingCaller(
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.first,
            wait_max=self.longest,
            wait_jitter=self.first,
        )
        try:
            return retries(self._backoff, attempt)
        except TryAgain as error:
            wait = error.wait or 0.0
            end = (
                f"; it asks to wait {wait:.0f} seconds"
                if wait > self.longest
                else f" ({self.attempts} attempts)"
            )
            raise Unreachable(f"can't reach {place}: {error}{end}") from None

    def _backoff(self, error: Exception) -> bool | float:
        """Whether to ask again, or after how many seconds, as `stamina` wants to know it."""
        if not isinstance(error, TryAgain):
            return False
        if error.wait is None:
            return True
        return error.wait if error.wait <= self.longest else False


PATIENCE = Patience()


@dataclass
class Pace:
    """Keeps calls to one host at least `interval` seconds apart."""

    interval: float
    free_at: float = field(default=0.0, init=False)

    def wait(self) -> None:
        """Wait for one's turn."""
        now = time.monotonic()
        if now < self.free_at:
            time.sleep(self.free_at - now)
        self.free_at = max(now, self.free_at) + self.interval


def read(
    address: str, check: Callable[[bytes], object], *, agent: str, patience: Patience, pace: Pace
) -> bytes:
    """Read what is at an address.

    Parameters
    ----------
    address : str
    check : callable
        Raises MarketError for a body that is not what it should be; such a body is asked for again, since
        it may have been cut short.
    agent : str
        Who asks (User-Agent).
    patience : Patience
    pace : Pace

    Returns
    -------
    bytes
        The body, uncompressed.

    Raises
    ------
    Unreachable
        If the host can't be reached or refuses for the moment, after all attempts.
    NotThere
        If the host does not have the address.
    Unreadable
        If what comes is a web page or fails `check`, or the host refuses for another reason.
    """
    problem: list[MarketError] = []

    def attempt() -> bytes:
        pace.wait()
        problem.clear()
        body, kind = _response(address, agent, patience.timeout)
        if "html" in kind:
            page = _page_summary(body.decode("utf-8", errors="replace"))
            raise Unreadable(f"{address}: a web page instead of data: {page!r}")
        try:
            check(body)
        except MarketError as error:
            problem.append(error)
            raise TryAgain(str(error)) from None
        return body

    try:
        return patience.call(httpx.URL(address).netloc.decode(), attempt)
    except Unreachable:
        if problem:
            raise Unreadable(str(problem[0])) from None
        raise


def text_of(body: bytes, place: str, kind: str = "data") -> str:
    """The text of a body.

    Parameters
    ----------
    body : bytes
    place : str
        File or address, for messages.
    kind : str
        What it should be, for messages.

    Raises
    ------
    MarketError
        If it is a web page, or not text at all.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MarketError(f"{place}: not UTF-8 text") from None
    if text.lstrip()[:1] == "<":
        raise MarketError(f"{place}: a web page instead of {kind}: {_page_summary(text)!r}")
    return text


def _page_summary(text: str) -> str:
    """Title, or first words, of a web page."""
    title = re.search(r"<title[^>]*>(.*?)</title>", text[:20_000], re.IGNORECASE | re.DOTALL)
    words = title.group(1) if title else re.sub(r"<[^>]*>", " ", text[:2_000])
    return " ".join(words.split())[:120]


def _response(address: str, agent: str, timeout: float) -> tuple[bytes, str]:
    """Body, uncompressed, and content type."""
    headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
    try:
        with httpx.stream(
            "GET", address, headers=headers, timeout=timeout, follow_redirects=True
        ) as response:
            _refuse(response)
            # httpx does not notice that compressed data end too early.
            body = b"".join(response.iter_raw())
    except httpx.RemoteProtocolError:
        raise TryAgain("the connection closed in the middle of the response") from None
    except httpx.RequestError as error:
        raise TryAgain(str(error) or type(error).__name__) from None
    if body[:2] == b"\x1f\x8b":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise TryAgain(f"the compressed response is damaged: {error}") from None
    return body, response.headers.get("Content-Type", "").lower()


def _refuse(response: httpx.Response) -> None:
    """Raise what the HTTP status of a refusal means."""
    if response.is_success:
        return
    code, address = response.status_code, response.url
    answer = f"{code} {response.reason_phrase}".strip()
    if code in (408, 429) or code >= 500:
        raise TryAgain(f"it answers {answer}", _retry_after(response.headers.get("Retry-After")))
    if code in (404, 410):
        raise NotThere(f"{address}: {answer}")
    if code == 403 and address.host.endswith("sec.gov"):
        raise Unreachable(
            f"{address}: {answer}: the SEC refuses; it does so for ten minutes after too many requests, "
            "and to programs whose contact it does not accept"
        )
    raise Unreadable(f"{address}: {answer}")


def _retry_after(text: str | None) -> float | None:
    """Seconds to wait, from a Retry-After header: a number of seconds or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text.strip()[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)
