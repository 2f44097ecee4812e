"""What the scripts beside this one share: arguments, the connector they make, and how a check is told.

A script drives one client against one Connect worker, whoever wrote the worker:

    CLIENT.py --url http://127.0.0.1:8083 --config connector.json

`connector.json` is what people post: `{"name": …, "config": {…}}`. The script makes connectors of its own from it, under other names and
for other tables, and removes them. A check is a function whose docstring says what holds; it asks the client and believes what the client
concludes. Nothing that fails is tried again unless the client itself does; what a worker does in its own time is asked for until it is so.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

# A worker commits offsets once a minute where nobody says otherwise.
PATIENCE = 90
# How the gateway shows the connector's secret; Apache Kafka Connect shows it.
HIDDEN = ("snowflake.private.key", "********")


def named(client, suffix="one"):
    """A connector's name that no earlier run has used, since a group of that name would not read the topic again."""
    return f"{client}-{suffix}-{os.getpid()}"


def same(found, wanted):
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def holds(part, whole):
    assert part in whole, f"{part!r} is not in {whole!r}"


def until(ask, wanted=lambda found: found):
    """Asks until the answer is as wanted; a client that raises has not answered yet."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found, raised = ask(), None
        except Exception as error:
            found, raised = None, error
        if raised is None and wanted(found):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"after {PATIENCE} s still {found!r}") from raised
        time.sleep(0.2)


class World:
    """The worker, and the connectors that a script may make."""

    def __init__(self, client, url, posted):
        self.client = client
        self.url = url
        self.posted = posted
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"connect-{client}-"))
        self.made = []

    def name(self, suffix="one"):
        return named(self.client, suffix)

    def config(self, suffix="one", **changes):
        """The posted configuration for a connector of ours: same topic, another table."""
        config = dict(self.posted["config"])
        if "snowflake.topic2table.map" in config:
            table = self.name(suffix).replace("-", "_")
            config["snowflake.topic2table.map"] = ",".join(f"{topic.strip()}:{table}" for topic in config["topics"].split(","))
        config.update({key.replace("__", "."): value for key, value in changes.items()})
        self.made.append(self.name(suffix))
        return config

    def unhidden(self, config):
        """A configuration as a worker shows it, with the key put back that a careful one hides. What else is hidden stays so."""
        return {key: self.posted["config"][key] if (key, value) == HIDDEN else value for key, value in config.items()}

    def failing(self, suffix="failing"):
        """A configuration that is valid and whose tasks fail at the first record: the records carry no schema."""
        return self.config(suffix, value__converter__schemas__enable="true")

    def file(self, content, name="connector.json"):
        file = self.folder / name
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(file)

    @property
    def tasks(self):
        return int(self.posted["config"]["tasks.max"])

    @property
    def plugin(self):
        return self.posted["config"]["connector.class"]

    def call(self, method, path, body=None):
        """Plain HTTP, for what the client cannot do: the status and the JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            text, status = error.read(), error.code
        return status, json.loads(text) if text else None

    def put(self, suffix, config):
        status, answer = self.call("PUT", f"/connectors/{self.name(suffix)}/config", config)
        assert status in (200, 201), f"{status}: {answer}"

    def states(self, suffix):
        """The connector's state and its tasks', in order."""
        status, answer = self.call("GET", f"/connectors/{self.name(suffix)}/status")
        assert status == 200, f"{status}: {answer}"
        return answer["connector"]["state"], [task["state"] for task in answer["tasks"]]

    def settle(self, suffix, connector, task=None):
        """Waits until the connector and all of its tasks are in a state."""
        wanted = (connector, [task or connector] * self.tasks)
        until(lambda: self.states(suffix), lambda found: found == wanted)

    def run(self, program, *arguments, status=0, env=None, cwd=None):
        """Runs a program of the client's environment and returns what it printed; a status of None is any."""
        command = [os.path.join(sys.prefix, "bin", program), *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **(env or {})}, cwd=cwd or self.folder)
        said = f"{ran.stdout}{ran.stderr}"
        assert status is None or ran.returncode == status, f"`{program} {' '.join(map(str, arguments))}` ended with {ran.returncode}:\n{said}"
        return ran.stdout if ran.stdout.strip() else ran.stderr

    def clean(self):
        for name in dict.fromkeys(self.made):
            status, answer = self.call("DELETE", f"/connectors/{name}")
            if status == 409:
                # A rebalance is under way, and the client has been judged.
                until(lambda: self.call("DELETE", f"/connectors/{name}")[0] in (204, 404))
        gone = set(self.made)
        until(lambda: gone.isdisjoint(self.call("GET", "/connectors")[1]))


def main(client, checks):
    """Runs the checks, in order; each builds on the state the last one left."""
    parser = argparse.ArgumentParser(prog=f"{client}.py")
    parser.add_argument("--url", required=True, help="the worker, such as http://127.0.0.1:8083")
    parser.add_argument("--config", required=True, type=pathlib.Path, help="a connector as people post it")
    arguments = parser.parse_args()
    world = World(client, arguments.url.rstrip("/"), json.loads(arguments.config.read_text()))
    passed = failed = 0
    try:
        for check in checks:
            what = " ".join(check.__doc__.split())
            try:
                check(world)
            except Exception:
                failed += 1
                print(f"FAILED {client}: {what}\n{traceback.format_exc()}", flush=True)
            else:
                passed += 1
                print(f"ok {client}: {what}", flush=True)
    finally:
        world.clean()
        if not failed:
            shutil.rmtree(world.folder)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)
