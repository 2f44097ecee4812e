"""Adds to each record what is known about its symbol."""

from snowgate_plugin import Plugin, Record, Reject, Verdict, count, export, keep, replace


class Enrich(Plugin):
    name = "my-plugin"
    version = "0.1.0"
    config_schema = {
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "The field that names the symbol.", "default": "symbol"},
            "known": {"type": "object", "additionalProperties": {"type": "object"}, "description": "Fields to add, by symbol."},
        },
        "required": ["known"],
        "additionalProperties": False,
    }

    def __init__(self, config: dict) -> None:
        """Once for each instance. A `ValueError` stops the gateway at start, with its words."""
        if unknown := config.keys() - {"field", "known"}:
            raise ValueError(f"unknown option `{min(unknown)}`, there are `field` and `known`")
        if "known" not in config:
            raise ValueError("`known` is missing: which fields to add, by symbol")
        self.field = config.get("field", "symbol")
        self.known = config["known"]

    def transform(self, record: Record) -> Verdict:
        """Once for each record. A `Reject` makes it a dead letter, with its words."""
        if record.value is None:
            return keep()
        fields = record.json()
        if not isinstance(fields, dict):
            raise Reject("the value is no JSON object")
        known = self.known.get(fields.get(self.field))
        if known is None:
            count("symbols_unknown")
            return keep()
        return replace(fields | known)


Transform = export(Enrich)
