"""What becomes of a record."""

import re
from json import JSONEncoder
from typing import Any, Iterable, NamedTuple

KEEP, DROP, REPLACE, REJECT = range(4)

Value = Any
"""Text, bytes, `None` for a tombstone; anything else becomes JSON."""


class Verdict(NamedTuple):
    """Made by `keep`, `drop`, `replace`, `split` and `reject`."""

    code: int
    outputs: tuple["Output", ...] = ()
    message: str = ""


class Output:
    """What stands in for a record. Without a key of its own it keeps the record's."""

    __slots__ = ("value", "key", "keyed")

    def __init__(self, value: Value, **key: Value) -> None:
        if key.keys() - {"key"}:
            raise TypeError("an output has a value and perhaps a `key`")
        self.value = _bytes(value)
        self.keyed = "key" in key
        self.key = _bytes(key["key"]) if self.keyed else None


def keep() -> Verdict:
    """The record goes on as it is."""
    return _KEEP


def drop() -> Verdict:
    """The record goes no further."""
    return _DROP


def replace(value: Value, **key: Value) -> Verdict:
    """`value` stands in for the record; `key=…` gives it another key, and `key=None` none."""
    return Verdict(REPLACE, (Output(value, **key),))


def split(outputs: Iterable[Value | Output]) -> Verdict:
    """Several outputs stand in for the record; all of their rows are loaded together, or none is."""
    return Verdict(REPLACE, tuple(each if isinstance(each, Output) else Output(each) for each in outputs))


def reject(message: str) -> Verdict:
    """The record becomes a dead letter with this message. From deep inside, raise `Reject` instead."""
    return Verdict(REJECT, (), message)


def well_formed(text: str) -> str:
    """Half a surrogate pair, as JSON may hold it and UTF-8 may not, becomes U+FFFD."""
    return text if text.isascii() else _HALF_A_PAIR.sub("\ufffd", text)


def _bytes(value: Value) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return well_formed(value if isinstance(value, str) else _ENCODER.encode(value)).encode()


_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_ENCODER = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_KEEP = Verdict(KEEP)
_DROP = Verdict(DROP)
