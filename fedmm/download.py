"""Data sets from their homes, on request only: the licence is agreed to first, every file is held against its digest, and
one that is not whole leaves no trace."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedmm.errors import DataError, SpecError

__all__ = ["Home", "Remote", "fetch"]

TIMEOUT = 30.0
"""Seconds without an answer after which a server counts as dead."""

MOST = 2 * 2**30
"""Bytes after which a file of unknown size cannot be the one that was asked for."""

BLOCK = 2**18


@dataclass(frozen=True)
class Remote:
    """A file at its home.

    Parameters
    ----------
    url : str
        Where it is.
    file : str
        What it is called here.
    digest : str or None
        ``sha256:...`` or ``md5:...``; None where no digest is known.
    """

    url: str
    file: str
    digest: str | None = None


@dataclass(frozen=True)
class Home:
    """Where a data set can be fetched.

    Parameters
    ----------
    name : str
        What ``fedmm data get`` calls it.
    folder : str
        The folder its files go to, under ``FEDMM_DATA``.
    files : tuple of Remote
        What is fetched.
    licence : str
        Under which terms, in one sentence; "unknown" is a valid answer.
    page : str
        Where to read about it.
    """

    name: str
    folder: str
    files: tuple[Remote, ...]
    licence: str
    page: str


def fetch(
    home: Home,
    folder: Path,
    *,
    agreed: bool = False,
    report: Callable[[str], Any] | None = None,
    opener: Callable[..., Any] = urllib.request.urlopen,
    timeout: float = TIMEOUT,
) -> list[Path]:
    """Fetch the files of a data set that are not in the folder yet, and say where they are.

    A file is written beside its place and moved there when it is whole and has its digest. One that is there already is
    held against its digest and never overwritten.

    Parameters
    ----------
    home : Home
        The data set.
    folder : Path
        Where its files go; it is made if it is not there.
    agreed : bool
        That the licence was read and is agreed to.
    report : callable or None
        Is told what was done with each file, in a sentence.
    opener : callable
        ``opener(url, timeout=...)`` gives a response to read from.
    timeout : float
        Seconds to wait for an answer.

    Raises
    ------
    SpecError
        If the licence was not agreed to.
    DataError
        If a file cannot be had or written, is not whole, or differs from its digest.
    """
    if not agreed:
        raise SpecError(f"{home.name} comes under terms: {home.licence.rstrip('.')}; read {home.page}, then pass agreed=True.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot make the folder {folder}: {error.strerror or error}; choose another.") from error
    tell = report if report is not None else _silent
    return [_fetched(remote, folder / remote.file, opener, timeout, tell) for remote in home.files]


def _silent(sentence: str) -> None:
    return None


def _fetched(remote: Remote, path: Path, opener: Callable[..., Any], timeout: float, tell: Callable[[str], Any]) -> Path:
    if path.exists():
        if remote.digest is not None:
            with _readable(path), open(path, "rb") as file:
                found = _digest(iter(lambda: file.read(BLOCK), b""), remote.digest)
            if found != remote.digest:
                raise DataError(f"{path} is there and differs from its home ({found}, not {remote.digest}); move it away first.")
        tell(f"{path} is there already{'' if remote.digest else '; no digest of it is known'}.")
        return path
    part = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            part = Path(file.name)
            found = _digest(_blocks(remote, opener, timeout, file), remote.digest or "sha256")
        if remote.digest is not None and found != remote.digest:
            raise DataError(f"{remote.url} is not the file expected: {found}, not {remote.digest}; nothing was kept, try again.")
        size = part.stat().st_size
        part.chmod(0o644)
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"Cannot write {path}: {error.strerror or error}; free some space, or choose another folder.") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    known = "its digest is right" if remote.digest else f"no digest of it is known, this one has {found}"
    tell(f"{path} has {size:,} bytes; {known}.")
    return path


def _blocks(remote: Remote, opener: Callable[..., Any], timeout: float, file: Any) -> Iterator[bytes]:
    """The bytes of a file as they arrive, written down."""
    total, promised = 0, None
    with _reachable(remote.url, timeout), opener(remote.url, timeout=timeout) as response:
        length = response.headers.get("Content-Length")
        promised = int(length) if length is not None and length.isdigit() else None
        while True:
            block = response.read(BLOCK)
            if not block:
                break
            total += len(block)
            if total > MOST:
                raise DataError(f"{remote.url} gave more than {MOST:,} bytes; expected less, so it is not this file.")
            with _writable(file):
                file.write(block)
            yield block
    if total == 0:
        raise DataError(f"{remote.url} gave an empty file; try again later.")
    if promised is not None and total != promised:
        raise DataError(f"{remote.url} broke off after {total:,} of {promised:,} bytes; try again.")


def _digest(blocks: Iterator[bytes], like: str) -> str:
    """The digest of these bytes, of the kind that `like` begins with."""
    kind = like.partition(":")[0]
    seen = hashlib.new(kind, usedforsecurity=False)
    for block in blocks:
        seen.update(block)
    return f"{kind}:{seen.hexdigest()}"


@contextmanager
def _reachable(url: str, timeout: float) -> Iterator[None]:
    """Errors of the network as sentences."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise DataError(f"{url} answered {error.code} {error.reason}; try later, or look at its home page.") from error
    except TimeoutError as error:
        raise DataError(f"{url} did not answer within {timeout:g} seconds; try again later.") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise DataError(f"{url} did not answer within {timeout:g} seconds; try again later.") from error
        raise DataError(f"Cannot reach {url}: {error.reason}; check the connection.") from error
    except http.client.IncompleteRead as error:
        raise DataError(f"{url} broke off after {len(error.partial):,} bytes of the last block; try again.") from error
    except (http.client.HTTPException, OSError) as error:
        raise DataError(f"The connection to {url} failed ({error}); try again.") from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


@contextmanager
def _writable(file: Any) -> Iterator[None]:
    """A full disk is no fault of the network, though both are OSErrors."""
    try:
        yield
    except OSError as error:
        raise DataError(f"Cannot write {file.name}: {error.strerror or error}; free some space.") from error
