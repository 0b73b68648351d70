"""The tables of a market folder as they stand in its files, to be copied with changes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from datafeeds.market import MarketError

ENDINGS = (".parquet", ".csv")


def table_files(folder: Path, name: str) -> list[Path]:
    """The files of one table: ``NAME.csv`` or ``NAME.parquet``, and for prices those of ``prices/``."""
    found = [path for path in (folder / f"{name}{ending}" for ending in ENDINGS) if path.is_file()]
    if name == "prices" and (folder / name).is_dir():
        found += sorted(
            path for path in (folder / name).iterdir() if path.suffix in ENDINGS and path.is_file()
        )
    return found


def read_cells(path: Path) -> pd.DataFrame:
    """A table as it stands in its file; of a CSV every cell is text.

    Raises
    ------
    MarketError
        If it can't be read.
    """
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, keep_default_na=False, dtype=str)
    except (OSError, ValueError) as problem:
        raise MarketError(f"{path} can't be copied: {problem}") from None


def write_cells(table: pd.DataFrame, path: Path) -> None:
    """Write a table in the form that the file's name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
