#!/usr/bin/env python3
"""kafka-connect-watcher: its command watches, and mends what failed; its rules count."""
import json
import os
import subprocess
import sys
import time

# Before the package is loaded: a thread of it never rests, so one is enough.
os.environ["CONCURRENT_THREADS"] = "1"

from kafka_connect_watcher.cluster import ConnectCluster
from kafka_connect_watcher.config import Config

from checks import PATIENCE, holds, main, named, same

ONE = named("kafka-connect-watcher")
FAILING = named("kafka-connect-watcher", "failing")


def settings(world, *rules):
    host, _, port = world.url.partition("//")[2].partition(":")
    return {"clusters": [{"hostname": host, "port": int(port), "url": world.url, "evaluation_rules": list(rules)}], "watch_interval": "2s"}


def ours(action=None):
    """A rule for the connectors of this script alone."""
    rule = {"include_regex": [f"^{ONE}$", f"^{FAILING}$"]}
    return {**rule, "auto_correct_actions": [{"action": action, "wait_for_status": "5s"}]} if action else rule


def scan(world, rule):
    """Carries one rule out and says what it counted."""
    config = Config(configuration=settings(world, rule))
    cluster = ConnectCluster(config.config["clusters"][0], config)
    for rule in cluster.handling_rules:
        rule.execute(cluster)
    return cluster.metrics


def watch(world, action, word):
    """Runs the command until it says a word, and returns all that it said."""
    file = world.file(json.dumps(settings(world, ours(action))), "watcher.yaml")
    program = [os.path.join(sys.prefix, "bin", "kafka-connect-watcher"), "--config-file", file]
    log = world.folder / f"{action}.log"
    with log.open("w") as out, subprocess.Popen(program, stdout=out, stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        try:
            end = time.monotonic() + PATIENCE
            while log.read_text().count(word) < 1 and process.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
        finally:
            process.terminate()
            process.wait(PATIENCE)
    return log.read_text()


def healthy(world):
    """a scan counts a connector that runs, its tasks, and none that failed"""
    world.put("one", world.config())
    world.settle("one", "RUNNING")
    found = scan(world, ours())
    same((found["count"], found["failed"]), (1, 0))
    same(found["connectors"], {ONE: {"tasks": world.tasks, "running": world.tasks, "failed": 0, "unassigned": 0}})


def ignored(world):
    """connectors that a rule does not include are counted as ignored"""
    found = scan(world, {"include_regex": ["^no-such-connector$"]})
    same((found["count"], found["ignored"]), (0, found["total"]))
    assert found["total"] >= 1, found


def paused(world):
    """a paused connector is cycled, and runs again"""
    same(world.call("PUT", f"/connectors/{ONE}/pause")[0], 202)
    world.settle("one", "PAUSED")
    scan(world, {**ours(), "ignore_paused": True})
    same(world.states("one")[0], "PAUSED")
    scan(world, ours())
    world.settle("one", "RUNNING")


def failed(world):
    """a scan counts tasks that failed"""
    world.put("failing", world.failing())
    world.settle("failing", "RUNNING", "FAILED")
    found = scan(world, ours())
    same((found["count"], found["failed"]), (2, 1))
    same(found["connectors"][FAILING], {"tasks": world.tasks, "running": 0, "failed": world.tasks, "unassigned": 0})


def restarts(world):
    """the command restarts the connector with failed tasks, and no other"""
    said = watch(world, "restart", "Post-action status for")
    holds(f"Applied corrective action 'restart' to connector {FAILING}", said)
    assert f"to connector {ONE}" not in said, said
    assert "Traceback" not in said, said


def cycles(world):
    """the command cycles it, too: pause, restart of every task, resume"""
    said = watch(world, "cycle", "Post-action status for")
    holds(f"Applied corrective action 'cycle' to connector {FAILING}", said)
    assert "Traceback" not in said, said


def pauses(world):
    """the command pauses what failed, and it is paused"""
    holds(f"Applied corrective action 'pause' to connector {FAILING}", watch(world, "pause", f"Applied corrective action 'pause' to connector {FAILING}"))
    same(world.states("one"), ("RUNNING", ["RUNNING"] * world.tasks))


main("kafka-connect-watcher", [healthy, ignored, paused, failed, restarts, cycles, pauses])
