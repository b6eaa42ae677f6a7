"""A wire as bytes: what it would take on a real network.

Each field is padded to whole bytes, so that 0 <= 8 x (bytes) - (bits) < 8 x (fields). Floating values go as they are,
little end first; integers with their `Field.width` bits each, lowest bit first. Nothing describes the layout: both ends
know it from the channel, the length of the vector and the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fedmm.arrays import to_numpy
from fedmm.channels.base import Channel, Field
from fedmm.errors import DataError

__all__ = ["payload", "unpack"]


def payload(channel: Channel, wire: Any) -> bytes:
    """The bit-packed fields of `wire`, one after another.

    Raises
    ------
    DataError
        If a field breaks its own rule: a float whose width is not its dtype's, or an integer outside [0, 2**width).
    """
    return b"".join(_pack(to_numpy(field.values), field.width) for field in channel.fields(wire))


def unpack(data: bytes, fields: Sequence[Field]) -> tuple[np.ndarray, ...]:
    """The numbers of `payload`, exactly, as NumPy arrays; `fields` lends shapes, dtypes and widths, not values.

    Raises
    ------
    DataError
        If `data` is not as long as `fields` say.
    """
    sizes = [-(-_size(field) // 8) for field in fields]
    if sum(sizes) != len(data):
        raise DataError(f"Expected {sum(sizes)} bytes for these fields, got {len(data)}; it is cut or foreign.")
    ends = np.cumsum([0, *sizes])
    return tuple(_unpack(data[a : a + size], field) for field, a, size in zip(fields, ends, sizes, strict=False))


def _size(field: Field) -> int:
    """The number of bits of one field."""
    return int(np.prod(field.values.shape, dtype=np.int64)) * field.width


def _pack(values: np.ndarray, width: int) -> bytes:
    if values.dtype.kind == "f":
        if width != 8 * values.dtype.itemsize:
            raise DataError(f"Expected width {8 * values.dtype.itemsize} for a field of {values.dtype}, got {width}.")
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    flat = values.ravel().astype(np.int64)
    if flat.size and (flat.min() < 0 or int(flat.max()) >> width):
        raise DataError(f"Expected integers of {width} bits in [0, {2**width}), got {flat.min()} to {flat.max()}.")
    bits = (flat[:, None] >> np.arange(width)) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little").tobytes()


def _unpack(data: bytes, field: Field) -> np.ndarray:
    like, shape = to_numpy(field.values), tuple(field.values.shape)
    if like.dtype.kind == "f":
        return np.frombuffer(data, dtype=like.dtype.newbyteorder("<")).astype(like.dtype).reshape(shape)
    count = int(np.prod(shape, dtype=np.int64))
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=count * field.width, bitorder="little")
    numbers = bits.reshape(count, field.width).astype(np.int64) @ (1 << np.arange(field.width, dtype=np.int64))
    return numbers.astype(like.dtype).reshape(shape)
