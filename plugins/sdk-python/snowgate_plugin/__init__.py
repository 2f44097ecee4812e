"""Write Snowgate plugins in Python: one method that sees a record and says what becomes of it.

    from snowgate_plugin import Plugin, Record, Verdict, drop, export, keep

    class NoTests(Plugin):
        name = "no-tests"
        version = "1.0.0"

        def transform(self, record: Record) -> Verdict:
            return drop() if record.json().get("test") else keep()

    Transform = export(NoTests)

Records are views into the columns of a batch: bytes are cut out, and become text or JSON, when somebody asks. The answer should
follow from the record and the configuration alone: instances come and go, and after a fault a record is shown again.
"""

from . import log
from .plugin import Column, Plugin
from .record import Header, Record, Reject
from .runner import count, export
from .verdict import Output, Value, Verdict, drop, keep, reject, replace, split

__all__ = [
    "Column",
    "Header",
    "Output",
    "Plugin",
    "Record",
    "Reject",
    "Value",
    "Verdict",
    "count",
    "drop",
    "export",
    "keep",
    "log",
    "reject",
    "replace",
    "split",
]
