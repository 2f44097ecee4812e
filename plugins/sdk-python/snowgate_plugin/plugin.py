"""What an author writes."""

from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, ClassVar, Mapping

from .record import Record
from .verdict import Verdict


class Column(Enum):
    """A column of a batch."""

    VALUES = "VALUES"
    KEYS = "KEYS"
    HEADERS = "HEADERS"
    OFFSETS = "OFFSETS"
    TIMESTAMPS = "TIMESTAMPS"


class Plugin(ABC):
    """A plugin. It is made from its configuration, once for each instance."""

    name: ClassVar[str]
    version: ClassVar[str]

    needs: ClassVar[frozenset[Column]] = frozenset({Column.VALUES})
    """The columns it reads. The others are not sent, and look as if no record had them."""

    routes: ClassVar[bool] = False
    """Whether it sends records to tables with `route_to`."""

    config_schema: ClassVar[Mapping[str, Any] | None] = None
    """A JSON Schema of its options, for tools."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Takes the options. A `ValueError` stops the gateway at start, with its words: say which option is wrong and what it may be."""
        for unknown in config:
            raise ValueError(f"unknown option `{unknown}`, there are none")

    def tables(self, tables: list[str]) -> None:
        """Takes the pipeline's `more_tables`, right after the options. A `ValueError` stops the gateway at start, with its words."""

    @abstractmethod
    def transform(self, record: Record) -> Verdict:
        """Says what becomes of a record. Raising `Reject` rejects it; another error is taken for a fault of the plugin's."""
