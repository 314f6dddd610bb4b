"""Reads a TensorFlow checkpoint ("tensor bundle") with numpy alone.

The index is a LevelDB table: blocks of prefix-compressed keys, each value a BundleEntryProto
(dtype, shape, shard, offset, size); the data file holds the raw little-endian arrays. Only what
a checkpoint of float32, int32 and int64 variables in one uncompressed shard needs is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError

FOOTER_BYTES = 48
TABLE_MAGIC = 0xDB4775248B80FB57
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    9: np.dtype("<i8"),
}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _block(data: bytes, handle: bytes) -> bytes:
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if data[offset + size] != 0:
        raise InputError("checkpoint index", "compressed", "only uncompressed tables can be read")
    return data[offset : offset + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Key and value pairs of one table block, in order."""
    restarts = struct.unpack("<I", block[-4:])[0]
    end = len(block) - 4 * (restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        size, at = _varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        yield key, block[at : at + size]
        at += size


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, value) pairs of one protocol buffer message; values are int or bytes."""
    at = 0
    value: int | bytes
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
        elif kind == 2:
            size, at = _varint(message, at)
            value, at = message[at : at + size], at + size
        elif kind == 5:
            value, at = message[at : at + 4], at + 4
        else:
            raise InputError("checkpoint index", f"wire type {kind}", "give an intact checkpoint")
        yield tag >> 3, value


def _shape(message: bytes) -> tuple[int, ...]:
    dims = [dict(_fields(value)) for number, value in _fields(message) if number == 2]
    return tuple(int(dim.get(1, 0)) for dim in dims)


def read_bundle(index: Path, data: Path) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint.

    Args:
        index: the `.index` file.
        data: its only shard, `.data-00000-of-00001`.
    Returns: variable name -> array in the stored shape and dtype.
    Raises: InputError when the files are not an uncompressed one-shard checkpoint.
    Source: TensorFlow `tensor_bundle.proto` and the LevelDB table format.
    """
    table = index.read_bytes()
    if len(table) < FOOTER_BYTES or struct.unpack("<Q", table[-8:])[0] != TABLE_MAGIC:
        raise InputError("checkpoint index", index, "give a TensorFlow checkpoint's .index file")
    footer = table[-FOOTER_BYTES:]
    _, at = _varint(footer, 0)  # the metaindex handle (offset, size) is skipped
    _, at = _varint(footer, at)
    shard = data.read_bytes()
    arrays: dict[str, np.ndarray] = {}
    for _, handle in _entries(_block(table, footer[at:])):
        for key, value in _entries(_block(table, handle)):
            if not key:  # the header entry has the empty name
                continue
            entry: dict[int, Any] = dict(_fields(value))
            dtype, size = DTYPES.get(entry.get(1, 0)), entry.get(5, 0)
            name, offset = key.decode(), entry.get(4, 0)
            if dtype is None or entry.get(3, 0) != 0 or offset + size > len(shard):
                raise InputError("checkpoint variable", name, "give an intact one-shard checkpoint")
            raw = np.frombuffer(shard, dtype, size // dtype.itemsize, offset).copy()
            arrays[name] = raw.reshape(_shape(entry.get(2, b"")))
    return arrays
