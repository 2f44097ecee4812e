"""Carries a plugin through a batch: what the component exports."""

import json
from collections import Counter
from typing import Any, NamedTuple

from . import log
from .plugin import Plugin
from .record import Record, Reject, item
from .verdict import KEEP, REJECT, REPLACE, Verdict, reject, well_formed

MESSAGE_CHARACTERS = 1024
"""The gateway reads no more of a message."""

_counts: Counter[str] = Counter()


def count(name: str, n: int = 1) -> None:
    """Adds to one of the plugin's counters, such as `symbols_unknown`; the gateway hears of it once for each batch.

    Never make a name from a record.
    """
    _counts[name] += n


def export(plugin: type[Plugin]) -> type:
    """Makes the component's export of a plugin: `Transform = export(MyPlugin)`, once, in the module that is built."""
    from componentize_py_types import Err
    from wit_world import exports
    from wit_world.exports import transform as wit
    from wit_world.imports import metrics

    # Not in the object: each call comes to a new one.
    configured: Plugin | None = None

    class Transform(exports.Transform):
        def describe(self) -> wit.Description:
            needs = wit.Columns(0)
            for column in plugin.needs:
                needs |= wit.Columns[column.value]
            schema = plugin.config_schema
            return wit.Description(plugin.name, plugin.version, needs, plugin.routes, None if schema is None else json.dumps(schema))

        def configure(self, config: str, tables: list[str]) -> None:
            nonlocal configured
            try:
                configured = plugin(json.loads(config))
                configured.tables(tables)
            except Exception as error:
                raise Err(_said(error, ValueError)) from None

        def process(self, input: wit.Batch) -> wit.Output:
            assert configured is not None, "the gateway configures before it sends records"
            try:
                answer = run(configured, input)
                for name, n in _counts.items():
                    metrics.add(name, n)
            except Exception as error:
                log.error(_told(error))
                raise Err(_said(error)) from None
            finally:
                _counts.clear()
            values, keys = wit.Column(*pack(answer.values)), wit.Column(*pack(answer.keys or []))
            return wit.Output(answer.verdicts, answer.sources, values, keys, answer.failures, answer.tables, answer.routes)

    return Transform


class Answer(NamedTuple):
    """What became of a batch."""

    verdicts: bytes
    sources: list[int]
    values: list[bytes | None]
    keys: list[bytes | None] | None
    """`None` unless an output has a key of its own."""
    failures: list[tuple[int, str]]
    tables: list[str]
    routes: list[int]
    """Empty unless a record was sent to a table."""


def run(plugin: Plugin, input: Any) -> Answer:
    """Shows a batch to the plugin."""
    transform = plugin.transform
    verdicts = bytearray()
    sources: list[int] = []
    values: list[bytes | None] = []
    keys: list[bytes | None] | None = None
    failures: list[tuple[int, str]] = []
    tables: dict[str, int] = {}
    routes: list[int] = []
    for index in range(input.count):
        record = Record(input, index)
        try:
            verdict = transform(record)
        except Reject as why:
            verdict = reject(str(why))
        if not isinstance(verdict, Verdict):
            raise TypeError("`transform` must return keep(), drop(), replace(…), split(…) or reject(…)")
        code, outputs, message = verdict
        if code == REPLACE and not outputs:
            code, message = REJECT, "the plugin replaced the record by nothing"
        for output in outputs:
            # Until one has a key of its own, all keep their records' by having none.
            if output.keyed and keys is None:
                keys = [item(input.keys, source) for source in sources]
            if keys is not None:
                keys.append(output.key if output.keyed else item(input.keys, index))
            values.append(output.value)
            sources.append(index)
        if code == REJECT:
            failures.append((index, well_formed(message[:MESSAGE_CHARACTERS])))
        if record.table is not None and code in (KEEP, REPLACE):
            routes = routes or [0] * input.count
            routes[index] = tables.setdefault(record.table, len(tables) + 1)
        verdicts.append(code)
    return Answer(bytes(verdicts), sources, values, keys, failures, list(tables), routes)


def pack(items: list[bytes | None]) -> tuple[bytes, list[int], bytes]:
    """`data`, `ends` and `nulls` of a column with these items."""
    ends: list[int] = []
    end = 0
    nulls = bytearray()
    for index, each in enumerate(items):
        if each is None:
            nulls = nulls or bytearray((len(items) + 7) // 8)
            nulls[index >> 3] |= 1 << (index & 7)
        else:
            end += len(each)
        ends.append(end)
    return b"".join(each for each in items if each is not None), ends, bytes(nulls)


def _said(error: Exception, *plain: type[Exception]) -> str:
    return well_formed(str(error) if plain and isinstance(error, plain) else f"{type(error).__name__}: {error}")


def _told(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return _said(error) + where
