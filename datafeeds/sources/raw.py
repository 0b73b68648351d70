"""Responses as they came, stored under ``raw/`` of a market folder with a manifest."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Raw:
    """The stored responses of one market folder.

    Parameters
    ----------
    folder : Path
        The market folder; responses go under its ``raw/``.

    Attributes
    ----------
    entries : dict of str to dict
        The manifest: by name, `address`, `key`, `fetched` (ISO, with zone), `bytes` and `sha256` of the
        gzipped response, or `absent` for something that does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "raw"
        self._manifest = self.folder / "manifest.json"
        self.entries: dict[str, dict[str, Any]] = {}
        try:
            entries = json.loads(self._manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # Without a readable manifest everything is fetched again.
            entries = {}
        if isinstance(entries, dict):
            self.entries = {name: entry for name, entry in entries.items() if isinstance(entry, dict)}

    def fresh(self, name: str, key: str, since: dt.datetime) -> bool:
        """Whether a response with the same `key` was stored, or found not to exist, after `since`."""
        entry = self.entries.get(name, {})
        if entry.get("key") != key:
            return False
        try:
            fetched = dt.datetime.fromisoformat(str(entry.get("fetched")))
        except ValueError:
            return False
        if fetched.tzinfo is None or fetched <= since:
            return False
        return bool(entry.get("absent")) or self.body(name) is not None

    def keep(self, name: str, body: bytes | None, address: str, key: str, now: dt.datetime) -> None:
        """Store a response; None for something that does not exist."""
        entry: dict[str, Any] = {"address": address, "key": key, "fetched": now.isoformat(timespec="seconds")}
        if body is None:
            entry["absent"] = True
        else:
            packed = gzip.compress(body, mtime=0)
            write_whole(self._path(name), packed)
            entry |= {"bytes": len(packed), "sha256": hashlib.sha256(packed).hexdigest()}
        self.entries[name] = entry
        write_whole(self._manifest, json.dumps(self.entries, indent=1, sort_keys=True).encode())

    def body(self, name: str) -> bytes | None:
        """A stored response, None if there is none or it was damaged since."""
        try:
            packed = self._path(name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(packed).hexdigest() != self.entries.get(name, {}).get("sha256"):
            return None
        return gzip.decompress(packed)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.gz"
