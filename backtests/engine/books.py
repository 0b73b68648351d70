"""What an engine returns: the books of one run, and the decisions behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

# A third of a second to import, which whoever asks for a name or a word does without.
if TYPE_CHECKING:
    import pandas as pd

    from datafeeds.market import Array, Dates, Market
    from strategies.target import Target

Decide = Callable[[int, "Array"], "Array | None"]
"""What an engine asks at a decision: given a session's position in the market and the weights at its close,
returns a target row, or None to hold.

A row is the weight of each symbol and then, where the account has an overlay, the hedge ratio of each slot.
"""

FILL_COLUMNS = ("session", "symbol", "shares", "price", "reference", "commission", "spread", "impact", "kind")
"""Columns of `Ledger.fills`."""

HOUSE_CALLS = ("recall", "margin call", "closed out")
"""Kinds of fill that the house of a margin account asks for: see rule 9 of `backtests.engine.rules`."""

FORCED = ("delisting", *HOUSE_CALLS)
"""Kinds of fill that no decision asked for; the first is rule 3."""

KINDS = ("order", *FORCED)
"""Kinds of fill."""

UNFILLED_COLUMNS = ("session", "symbol", "weight", "reason")
"""Columns of `Ledger.unfilled`."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What became of orders, a row each, as arrays: a table of labels is made when somebody wants one.

    Attributes
    ----------
    names : tuple of str
        `FILL_COLUMNS` or `UNFILLED_COLUMNS`.
    session, symbol : ndarray of int, shape (rows,)
        Positions among the ledger's sessions and symbols.
    numbers : ndarray, shape (columns, rows)
        What stands between the symbol and the last column.
    word : ndarray of int, shape (rows,)
        Positions among `words`, the last column.
    words : tuple of str
    """

    names: tuple[str, ...]
    session: npt.NDArray[np.intp]
    symbol: npt.NDArray[np.intp]
    numbers: Array
    word: npt.NDArray[np.intp]
    words: tuple[str, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], written: Sequence[tuple[Any, ...]]) -> Self:
        """Rows that were written one by one: positions of session and symbol, numbers, the word."""
        session, symbol, *numbers, said = zip(*written, strict=True) if written else ((),) * len(names)
        words = tuple(dict.fromkeys(said))
        place = {word: position for position, word in enumerate(words)}
        return cls(
            names,
            np.array(session, dtype=np.intp),
            np.array(symbol, dtype=np.intp),
            np.array(numbers, dtype=np.float64),
            np.array([place[word] for word in said], dtype=np.intp),
            words,
        )

    def __len__(self) -> int:
        return len(self.session)

    def __getitem__(self, name: str) -> Array:
        """A column of numbers."""
        column: Array = self.numbers[self.names.index(name) - 2]
        return column

    def said(self, *words: str) -> npt.NDArray[np.bool_]:
        """Whether the word of each row is one of `words`, shape (rows,)."""
        wanted = np.array([word in words for word in self.words], dtype=np.bool_)
        return wanted[self.word]

    def same(self, other: Rows) -> bool:
        """Whether the rows of `other` are these, to the last bit."""
        if (self.names, len(self)) != (other.names, len(other)):
            return False
        place = {word: position for position, word in enumerate(self.words)}
        words = np.array([place.get(word, -1) for word in other.words], dtype=np.intp)[other.word]
        return (
            np.array_equal(self.session, other.session)
            and np.array_equal(self.symbol, other.symbol)
            and np.array_equal(self.word, words)
            and np.array_equal(self.numbers, other.numbers, equal_nan=True)
        )

    def table(self, sessions: Dates, symbols: Sequence[str]) -> pd.DataFrame:
        """The rows with labels; `sessions` and `symbols` are the ledger's."""
        import pandas as pd  # see above

        columns = (
            sessions[self.session].astype("datetime64[s]"),
            pd.array(list(symbols), dtype="str").take(self.symbol),
            *self.numbers,
            pd.array(list(self.words), dtype="str").take(self.word),
        )
        return pd.DataFrame(dict(zip(self.names, columns, strict=True)))


def returns_of(equity: Array) -> Array:
    """Simple return of each session after the first, shape (..., sessions - 1)."""
    returns: Array = equity[..., 1:] / equity[..., :-1] - 1.0
    return returns


@dataclass(frozen=True)
class Decision:
    """A target and the close at which it was decided.

    Attributes
    ----------
    session : datetime64[D]
        Session at whose close the decision was made; its orders fill later.
    target : Target
    """

    session: np.datetime64
    target: Target


@dataclass(frozen=True, eq=False)
class Ledger:
    """The books of one run. Shape (sessions,) unless said otherwise; money in the market's currency.

    Attributes
    ----------
    sessions : ndarray of datetime64[D]
        The run's sessions.
    symbols : tuple of str
        The market's symbols.
    equity : ndarray
        Cash plus holdings at each close (last known close for a symbol that did not trade), plus the hedge.
    cash : ndarray
        Cash at each close; negative only in a margin account.
    dividends, interest : ndarray
        Cash received in each session, less what is owed on shorts and on cash below zero.
    executions, endings : Rows
        What `fills` and `unfilled` are made of.
    fills : DataFrame
        One row a fill, in order of execution. `shares` is signed; `price` is what was paid per share,
        spread and impact included; `reference` is the open (or close) before them; `commission`, `spread`
        and `impact` are money; `kind` is ``"order"`` or why it was no decision's: see `FORCED`.
    unfilled : DataFrame
        Orders that ended unfilled or partly filled, with the weight they wanted and the reason.
    decisions : tuple of Decision
    hedge : DataFrame or None
        None without an overlay. One row for each session and structure that is held, wanted or settled:
        `units` held at the close, `wanted` at a roll and the `limit` (``"budget"``, ``"cash"`` or none) that
        kept them from it, `premium` paid, `payoff` received (or proceeds, where it is sold before expiry),
        half the bid-ask `spread` of what was bought and of what was sold before expiry, `value` at the close,
        `decay` (what passing time took, as long as nothing else moved) and `pnl`: change of value plus payoff
        minus premium.
    borrow : ndarray or None
        Fee paid in each session for the stocks that are borrowed; None in a cash account.
    sold : ndarray or None
        Value at each close of what is sold short; None in a cash account.
    """

    sessions: Dates
    symbols: tuple[str, ...]
    equity: Array
    cash: Array
    dividends: Array
    interest: Array
    executions: Rows
    endings: Rows
    decisions: Sequence[Decision]
    hedge: pd.DataFrame | None = None
    borrow: Array | None = None
    sold: Array | None = None

    @property
    def went_short(self) -> bool:
        """Whether anything was sold short."""
        return self.sold is not None and bool(self.sold.any())

    @cached_property
    def fills(self) -> pd.DataFrame:
        """See the class."""
        return self.executions.table(self.sessions, self.symbols)

    @cached_property
    def unfilled(self) -> pd.DataFrame:
        """See the class."""
        return self.endings.table(self.sessions, self.symbols)

    @cached_property
    def positions(self) -> Array:
        """Shares held at each close, shape (sessions, symbols)."""
        return self._held()

    @property
    def last_positions(self) -> Array:
        """Shares held at the last close, shape (symbols,)."""
        last: Array = self._positions[-1].copy()
        return last

    @property
    def symbols_traded(self) -> int:
        """How many symbols were ever traded."""
        return len(np.unique(self.executions.symbol))

    @property
    def _positions(self) -> Array:
        """As `positions`, not kept: of a benchmark on a wide market nobody asks for them again."""
        known: Array | None = self.__dict__.get("positions")
        return self._held() if known is None else known

    def _held(self) -> Array:
        traded = np.zeros((len(self.sessions), len(self.symbols)))
        rows = self.executions
        np.add.at(traded, (rows.session, rows.symbol), rows["shares"])
        return np.cumsum(traded, axis=0, out=traded)

    def hedge_total(self, column: str) -> Array:
        """Sum of a column of `hedge` over the structures, for each session; zeros without a hedge.

        ``hedge_total("pnl")`` is the hedge's profit; what is left of the change in equity is the book's.
        """
        total = np.zeros(len(self.sessions))
        if self.hedge is not None and len(self.hedge):
            days = self.hedge["session"].to_numpy().astype("datetime64[D]")
            rows = np.searchsorted(self.sessions, days)
            np.add.at(total, rows, self.hedge[column].to_numpy(dtype=np.float64))
        return total

    @property
    def returns(self) -> pd.Series[float]:
        """Simple return of each session after the first, net of all costs."""
        import pandas as pd  # see above

        return pd.Series(returns_of(self.equity), index=pd.DatetimeIndex(self.sessions[1:]), name="return")

    def weights(self, market: Market) -> pd.DataFrame:
        """Share of equity by symbol at each close, for the symbols ever held; the rest is cash."""
        import pandas as pd  # see above

        positions = self._positions
        held = np.flatnonzero(positions.any(axis=0))
        first = market.index_of(self.sessions[0])
        marks = market.mark[first : first + len(self.sessions)][:, held]
        shares = positions[:, held]
        value = np.where(shares != 0, shares * np.nan_to_num(marks), 0.0)
        value /= self.equity[:, None]
        return pd.DataFrame(
            value,
            index=pd.DatetimeIndex(self.sessions),
            columns=[self.symbols[i] for i in held],
        )
