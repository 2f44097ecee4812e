#!/usr/bin/env python3
"""kafka-connect-healthcheck: its own HTTP server, asked as an orchestrator would ask it.

The server is the package's; only its address is ours, for its command listens on every interface.
"""
import json
import threading
import urllib.error
import urllib.request
from functools import partial
from http.server import HTTPServer

from kafka_connect_healthcheck.handler import RequestHandler
from kafka_connect_healthcheck.health import Health
from kafka_connect_healthcheck.parser import get_parser

from checks import PATIENCE, main, named, same, until

ONE = named("kafka-connect-healthcheck")
FAILING = named("kafka-connect-healthcheck", "failing")


def health(world, *flags):
    """What the server answers when started with these flags: the status and what it says."""
    given = get_parser().parse_args(["--connect-url", world.url, *flags])
    judge = Health(
        given.connect_url, given.connect_worker_id, given.unhealthy_states.split(","), given.basic_auth, given.failure_threshold_percentage,
        given.considered_containers.split(","),
    )
    server = HTTPServer(("127.0.0.1", 0), partial(RequestHandler, judge))
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    finally:
        thread.join()
        server.server_close()


def healthy(world):
    """while connectors and tasks run it answers 200 and names no failure"""
    world.put("one", world.config())
    world.settle("one", "RUNNING")
    status, found = health(world)
    same((status, found["healthy"], found["failures"], found["failure_rate"]), (200, True, [], 0.0))


def this_worker(world):
    """asked for the worker that status names, it looks at the connectors there"""
    worker = world.call("GET", f"/connectors/{ONE}/status")[1]["connector"]["worker_id"]
    same(health(world, "--connect-worker-id", worker, "--unhealthy-states", "RUNNING")[0], 503)
    status, found = health(world, "--connect-worker-id", "elsewhere:8083", "--unhealthy-states", "RUNNING")
    # With none of its own it asks for one connector, to see whether the worker answers.
    same((status, found["failures"]), (200, []))


def failed(world):
    """tasks that fail make it 503, each of them named with its trace"""
    world.put("failing", world.failing())
    world.settle("failing", "RUNNING", "FAILED")
    status, found = health(world)
    same((status, found["healthy"]), (503, False))
    failures = found["failures"]
    same([(failure["type"], failure["connector"], failure["id"], failure["state"]) for failure in failures], [("task", FAILING, task, "FAILED") for task in range(world.tasks)])
    assert all("DataException" in failure["trace"] for failure in failures), failures


def considered(world):
    """with connectors alone considered it is content, for the connector itself runs"""
    status, found = health(world, "--considered-containers", "connector")
    same((status, found["failures"]), (200, []))


def threshold(world):
    """with a threshold above the share that failed it is content, and still names the tasks"""
    status, found = health(world, "--failure-threshold-percentage", "99")
    same((status, len(found["failures"])), (200, world.tasks))


def paused(world):
    """with PAUSED held for unhealthy, a paused connector and its tasks are named"""
    status, _ = world.call("DELETE", f"/connectors/{FAILING}")
    same(status, 204)
    until(lambda: FAILING not in world.call("GET", "/connectors")[1])
    same(world.call("PUT", f"/connectors/{ONE}/pause")[0], 202)
    world.settle("one", "PAUSED")
    same(health(world)[0], 200)
    status, found = health(world, "--unhealthy-states", "PAUSED,FAILED")
    same((status, [failure["type"] for failure in found["failures"]]), (503, ["connector"] + ["task"] * world.tasks))


def nobody(world):
    """where nothing listens it is unhealthy, and says that it could not ask"""
    status, found = health(world, "--connect-url", "http://127.0.0.1:9")
    same((status, found["healthy"]), (503, False))
    assert "Connection refused" in found["error"], found


main("kafka-connect-healthcheck", [healthy, this_worker, failed, considered, threshold, paused, nobody])
