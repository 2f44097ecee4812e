"""One record, read in place from the columns of a batch."""

from json import JSONDecoder
from typing import Any, NamedTuple


class Reject(Exception):
    """Raised, it makes the record a dead letter with this message."""


class Header(NamedTuple):
    """A name may come twice in a record, a value may be null."""

    name: str
    value: bytes | None


class Record:
    """One record of a batch."""

    __slots__ = ("_batch", "_index", "table")

    def __init__(self, batch: Any, index: int) -> None:
        self._batch = batch
        self._index = index
        self.table: str | None = None
        """Where it was sent to."""

    @property
    def topic(self) -> str:
        return self._batch.topic

    @property
    def partition(self) -> int:
        return self._batch.partition

    @property
    def offset(self) -> int | None:
        return _at(self._batch.offsets, self._index)

    @property
    def timestamp(self) -> int | None:
        """Milliseconds since 1970."""
        timestamp = _at(self._batch.timestamps, self._index)
        return None if timestamp is None or timestamp < 0 else timestamp

    @property
    def value(self) -> bytes | None:
        """`None` for a tombstone."""
        return item(self._batch.values, self._index)

    @property
    def key(self) -> bytes | None:
        return item(self._batch.keys, self._index)

    def route_to(self, table: str) -> None:
        """Sends the record to `table`, whether it is kept or replaced; all of its outputs go there. The last call counts.

        The plugin's `routes` must be true. `table` is one of the pipeline's `more_tables`, named as Snowflake names it; a record that is
        sent to another is rejected.
        """
        # The interface takes no half of a surrogate pair, which a record may hold.
        self.table = table.encode(errors="replace").decode()

    def text(self) -> str | None:
        """The value as text, `None` for a tombstone. Bytes that are no UTF-8 reject the record."""
        value = self.value
        return None if value is None else _text(value, "the value")

    def json(self) -> Any:
        """The value as JSON. A tombstone, or what is no JSON, rejects the record."""
        text = self.text()
        if text is None:
            raise Reject("the record has no value")
        try:
            return _DECODER.decode(text)
        except ValueError as error:
            raise Reject(f"the value is no JSON: {error}") from None
        except RecursionError:
            raise Reject("the value's JSON is nested too deep") from None

    def headers(self) -> list[Header]:
        """In order."""
        headers = self._batch.headers
        end = _at(headers.counts, self._index) or 0
        start = headers.counts[self._index - 1] if self._index > 0 and end > 0 else 0
        return [Header(_text(item(headers.names, i) or b"", "a header's name"), item(headers.values, i)) for i in range(start, end)]

    def header(self, name: str) -> str | None:
        """The text of the first header of that name."""
        for header in self.headers():
            if header.name == name:
                return None if header.value is None else _text(header.value, f"the header `{name}`")
        return None


def item(column: Any, index: int) -> bytes | None:
    """Item `index` of a column, or `None` when it is null or the column was not sent."""
    ends = column.ends
    if index >= len(ends) or (column.nulls and column.nulls[index >> 3] & (1 << (index & 7))):
        return None
    return column.data[ends[index - 1] if index else 0 : ends[index]]


def _at(numbers: list[int], index: int) -> int | None:
    return numbers[index] if index < len(numbers) else None


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Reject(f"{what} is no UTF-8") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


_DECODER = JSONDecoder(parse_constant=_no_constant)
