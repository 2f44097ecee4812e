"""Reads a gateway's metrics with Prometheus' own parser, in both formats.

    python tests/browser/gateway_metrics.py http://127.0.0.1:8083 CONNECTOR

The connector must have loaded rows.
"""

import sys
import time
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

PATIENCE = 30
FORMATS = {
    "the text format": ("text/plain;version=0.0.4", "text/plain; version=0.0.4", plain),
    "OpenMetrics": ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0", openmetrics),
}


def fetch(url, accept):
    request = urllib.request.Request(f"{url}/metrics", headers={"accept": accept})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read().decode(), answer.headers["content-type"]


def rows(families, connector):
    samples = [sample for family in families for sample in family.samples if sample.name == "snowgate_rows_committed_total"]
    return sum(sample.value for sample in samples if connector in sample.labels.values())


def check(url, connector, accept, content_type, parse):
    # A connector counts from its last start, which may have been this moment.
    end = time.monotonic() + PATIENCE
    while True:
        text, found = fetch(url, accept)
        families = list(parse(text))
        if rows(families, connector) > 0:
            break
        assert time.monotonic() < end, f"no rows of {connector}"
        time.sleep(0.2)
    assert found.startswith(content_type), found
    assert len(families) > 10, f"only {len(families)} metrics"
    seen = set()
    for family in families:
        assert family.name.startswith("snowgate_") or family.name.startswith("process_"), family.name
        assert family.documentation, f"{family.name} is not described"
        assert family.type not in ("unknown", "untyped"), f"{family.name} has no type"
        for sample in family.samples:
            series = (sample.name, tuple(sorted(sample.labels.items())))
            assert series not in seen, f"{series} stands there twice"
            seen.add(series)
            if family.type == "counter":
                assert sample.value >= 0, sample
    return len(families), len(seen)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: gateway_metrics.py URL CONNECTOR")
    held = failed = 0
    for name, how in FORMATS.items():
        try:
            families, series = check(sys.argv[1].rstrip("/"), sys.argv[2], *how)
        except Exception as error:
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
        else:
            held += 1
            print(f"ok     {name}: {families} metrics, {series} series", flush=True)
    print(f"{held} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
