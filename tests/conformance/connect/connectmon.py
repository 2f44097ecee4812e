#!/usr/bin/env python3
"""connectmon: its module, run as a job would, with a Teams channel that is ours."""
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from checks import PATIENCE, holds, main, named, same, until

ONE = named("connectmon")
FAILING = named("connectmon", "failing")


class Channel(BaseHTTPRequestHandler):
    """Takes cards as Teams does."""

    def do_POST(self):
        self.server.cards.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"1")

    def log_message(self, *_):
        pass


def report(world, *actions):
    """Runs it once: what it logged, and the facts of the card it sent, if any."""
    server = HTTPServer(("127.0.0.1", 0), Channel)
    server.cards = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    channel = {"name": "ours", "type": "teams", "url": f"http://127.0.0.1:{server.server_port}/hook", "include": [ONE, FAILING]}
    channels = world.file(json.dumps({"channels": [{**channel, "actions": list(actions)}]}), "channels.yaml")
    # The folder of this script is no place to run in: its file of the same name would be taken for the package.
    env = {**os.environ, "CONNECT_URL": world.url, "CONFIG_PATH": channels, "CHANNELS": "[]"}
    ran = subprocess.run([sys.executable, "-m", "connectmon"], capture_output=True, text=True, timeout=PATIENCE, env=env, cwd=world.folder)
    server.shutdown()
    server.server_close()
    said = ran.stdout + ran.stderr
    same((ran.returncode, said if ran.returncode else ""), (0, ""))
    facts = {section["title"]: [(fact["name"], fact["value"]) for fact in section["facts"]] for card in server.cards for section in card["sections"]}
    return said, facts


def quiet(world):
    """while all run there is nothing to report"""
    world.put("one", world.config())
    world.settle("one", "RUNNING")
    said, facts = report(world, "RESTART_FAILED", "RESUME_PAUSED_CONNECTORS")
    holds("cluster is reachable", said)
    holds("Nothing to report, skipping message", said)
    same(facts, {})


def paused(world):
    """a paused connector is reported, and left alone when that is all it may do"""
    same(world.call("PUT", f"/connectors/{ONE}/pause")[0], 202)
    world.settle("one", "PAUSED")
    same(report(world, "RESTART_FAILED")[1], {"Connector Warnings": [("warn", f"{ONE} is paused, skipping resume")]})
    same(world.states("one")[0], "PAUSED")


def resumes(world):
    """a paused connector is resumed, and runs"""
    same(report(world, "RESUME_PAUSED_CONNECTORS")[1], {"Connector Warnings": [("info", f"Resuming {ONE}")]})
    world.settle("one", "RUNNING")


def failed(world):
    """tasks that failed are reported, each of them"""
    world.put("failing", world.failing())
    world.settle("failing", "RUNNING", "FAILED")
    wanted = [("error", f"Task {task} for {FAILING} is not running, skipping restart") for task in range(world.tasks)]
    same(report(world, "RESUME_PAUSED_CONNECTORS")[1], {"Task Errors": wanted})


def restarts(world):
    """tasks that failed are restarted, each of them"""
    wanted = [("info", f"Restarting task {task} for {FAILING}") for task in range(world.tasks)]
    same(report(world, "RESTART_FAILED_TASKS")[1], {"Task Errors": wanted})
    # What is wrong is still wrong, so they fail again; a status in between shows that they were started.
    until(lambda: world.states("failing"), lambda found: found == ("RUNNING", ["FAILED"] * world.tasks))


main("connectmon", [quiet, paused, resumes, failed, restarts])
