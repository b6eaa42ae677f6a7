r"""Addressed randomness: a draw is a function of where it happens, never of what was drawn before.

A `Key` is an address (seed, round, client, purpose, ...). The same address gives the same numbers on every executor, in any
order of replies, for any subset of clients, and on any array library (draws are made with NumPy and then converted).
A block of clients carries a tuple of keys, one per row.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

__all__ = ["SERVER", "Key", "Keys", "draw"]

SERVER = -1
"""The client number of draws made by the server (cohorts, the downlink)."""


class Key(NamedTuple):
    """An address of randomness.

    Parameters
    ----------
    seed : int
        The seed of the run.
    round : int
        The communication round.
    client : int
        The client's number, or `SERVER`.
    purpose : tuple of (str or int)
        What the draw is for, outermost first.
    """

    seed: int
    round: int = 0
    client: int = SERVER
    purpose: tuple[str | int, ...] = ()

    def fold(self, *words: str | int) -> Key:
        """The address one level further in, for example ``key.fold("batch", k)``."""
        return Key(self.seed, self.round, self.client, self.purpose + words)

    def generator(self) -> np.random.Generator:
        """A fresh generator that depends on the address only (Philox, keyed by a 128-bit hash of the address)."""
        digest = blake2b(repr(tuple(self)).encode(), digest_size=16).digest()
        return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64)))


Keys = Key | tuple[Key, ...]
"""One key, or one per row of a block."""


def fold(key: Keys, *words: str | int) -> Keys:
    """`Key.fold` for one key or for each key of a block."""
    return key.fold(*words) if isinstance(key, Key) else tuple(k.fold(*words) for k in key)


def draw(key: Keys, sample: Callable[[np.random.Generator], np.ndarray]) -> np.ndarray:
    """``sample(generator)`` at the address `key`; stacked along a leading axis for a block of keys."""
    if isinstance(key, Key):
        return sample(key.generator())
    return np.stack([sample(k.generator()) for k in key])
