"""A result as a figure that a notebook shows by itself."""

from __future__ import annotations

import io

import pandas as pd
from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that is an image wherever a notebook shows it, whatever backend is set."""

    def _repr_png_(self) -> bytes:
        """The figure as a notebook asks for it."""
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=110)
        return stream.getvalue()


def growth_figure(equity: pd.DataFrame) -> ShownFigure:
    """Growth of 1 on a logarithmic scale, and the fall from the high so far.

    Parameters
    ----------
    equity : DataFrame
        At each close, a column a book.

    Returns
    -------
    ShownFigure
    """
    figure = ShownFigure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    growth = equity / equity.iloc[0]
    for label, curve in growth.items():
        above.plot(curve.index, curve, label=label, linewidth=1)
        below.plot(curve.index, curve / curve.cummax() - 1, linewidth=1)
    above.set(yscale="log", ylabel="growth of 1")
    above.legend(frameon=False)
    below.set(ylabel="drawdown")
    return figure
