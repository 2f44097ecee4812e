"""Lines for the gateway's log, under the plugin's name. Do not log records: their content belongs to the table and the dead letters.

The gateway cuts lines off after 1 KiB and silences a plugin after 100 lines in ten seconds. Outside of a component they go to
standard error.
"""

import sys

from .verdict import well_formed

try:
    from wit_world.imports import log as _wit
except ImportError:
    _wit = None


def trace(line: str) -> None:
    """Something for each record. Off unless an operator asks for it."""
    _write("TRACE", line)


def debug(line: str) -> None:
    """Something for each batch."""
    _write("DEBUG", line)


def info(line: str) -> None:
    """What an operator would like to know once."""
    _write("INFO", line)


def warn(line: str) -> None:
    """Something odd that the plugin got over."""
    _write("WARN", line)


def error(line: str) -> None:
    """Something that needs a person."""
    _write("ERROR", line)


def _write(level: str, line: str) -> None:
    if _wit is None:
        print(f"{level.lower()}: {line}", file=sys.stderr)
    else:
        _wit.write(_wit.Level[level], well_formed(line))
