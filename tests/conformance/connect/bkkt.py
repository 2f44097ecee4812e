#!/usr/bin/env python3
"""bkkt: its commands below `connect`, and its validation of manifests."""
import json

from checks import holds, main, named, same, until

NAME = named("bkkt")


def bkkt(world, *arguments, status=0):
    host, _, port = world.url.partition("//")[2].partition(":")
    cluster = {"connect": {"scheme": world.url.partition(":")[0], "port": int(port), "hosts": [host]}}
    file = world.file(json.dumps({"version": 1, "connectors_root": ".", "default_cluster": "main", "clusters": {"main": {"dev": cluster}}}), "connectctl.yaml")
    return world.run("bkkt", "--repo-root", world.folder, "--config", file, *arguments, status=status)


def connect(world, *arguments, status=0):
    command, rest = arguments[0].split(), arguments[1:]
    return bkkt(world, "connect", *command, "--env", "dev", *rest, status=status)


def ask(world, *arguments):
    return json.loads(connect(world, *arguments, "--output", "json"))


def status(world):
    """The connector's state and its tasks', as bkkt tells them."""
    found = ask(world, "status", "--names", NAME)["targets"][0]["connectors"][0]["status"]
    return found["connector_state"], found["task_states"]


def becomes(world, state):
    until(lambda: status(world), lambda found: found == (state, [state] * world.tasks))


def create(world):
    """connect create makes the connector from a file"""
    holds(f"created: {NAME}", connect(world, "create", world.file({"name": NAME, "config": world.config()})))
    until(lambda: NAME in world.call("GET", "/connectors")[1])


def healthy(world):
    """connect status --until-healthy comes to an end"""
    connect(world, "status", "--names", NAME, "--until-healthy", "--interval-seconds", "0.2", "--timeout-seconds", "50")
    becomes(world, "RUNNING")


def create_again(world):
    """connect create of one that exists is refused"""
    connect(world, "create", world.file({"name": NAME, "config": world.config()}), status=2)


def endpoints(world):
    """connect endpoints finds the worker healthy, with the connector's status and configuration"""
    found = json.dumps(ask(world, "endpoints", "--name", NAME))
    holds('"healthy": true', found)
    assert '"healthy": false' not in found, found
    holds(f"/connectors/{NAME}/config", found)


def plugins(world):
    """connect plugins inventory lists the connector's class"""
    holds(world.plugin, json.dumps(ask(world, "plugins inventory")))


def workers(world):
    """connect workers inventory finds the worker healthy by three questions"""
    worker = ask(world, "workers inventory")["workers"][0]
    same((worker["healthy"], [(check["path"], check["status_code"]) for check in worker["checks"]]), (True, [("/", 200), ("/connectors", 200), ("/connector-plugins", 200)]))


def offsets(world):
    """connect offsets get names every partition once its records are committed"""
    def all_there(found):
        return all(entry["offset"]["kafka_offset"] > 0 for entry in found) and len(found) > 0

    found = until(lambda: ask(world, "offsets get", "--name", NAME)["offsets"]["offsets"], all_there)
    topics = set(world.posted["config"]["topics"].split(","))
    same({entry["partition"]["kafka_topic"] for entry in found}, topics)
    same({key for entry in found for key in entry["partition"]}, {"kafka_topic", "kafka_partition"})


def offsets_running(world):
    """connect offsets patch of a connector that runs is refused with the worker's reason"""
    said = connect(world, "offsets patch", "--name", NAME, "--json-file", world.file(moved(world, 1), "offsets.json"), "--yes", status=2)
    holds("Connectors must be in the STOPPED state before their offsets can be modified", said)


def moved(world, offset):
    topic = world.posted["config"]["topics"].split(",")[0]
    return {"offsets": [{"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": offset}}]}


def stop(world):
    """connect stop stops it, and it has no tasks"""
    connect(world, "stop", "--names", NAME, "--yes")
    until(lambda: status(world), lambda found: found == ("STOPPED", []))


def offsets_patch(world):
    """connect offsets patch of a stopped connector moves a partition"""
    def patch():
        return connect(world, "offsets patch", "--name", NAME, "--json-file", world.file(moved(world, 1), "offsets.json"), "--yes")

    # The group may have members for a moment after the stop; the worker says so and the user tries again.
    holds("altered successfully", until(patch))
    entry = moved(world, 1)["offsets"][0]
    holds(entry, ask(world, "offsets get", "--name", NAME)["offsets"]["offsets"])


def resume(world):
    """connect resume starts it again"""
    connect(world, "resume", "--names", NAME)
    becomes(world, "RUNNING")


def pause(world):
    """connect pause pauses it"""
    connect(world, "pause", "--names", NAME)
    becomes(world, "PAUSED")
    connect(world, "resume", "--names", NAME)
    becomes(world, "RUNNING")


def patch(world):
    """connect patch changes one key and leaves the others"""
    connect(world, "patch", "--names", NAME, "--set", "buffer.flush.time=30", "--no-audit")
    until(lambda: world.unhidden(world.call("GET", f"/connectors/{NAME}/config")[1]) == {**world.config(buffer__flush__time="30"), "name": NAME})
    becomes(world, "RUNNING")


def restart(world):
    """connect restart of all its parts brings them back"""
    connect(world, "restart", "--names", NAME, "--scope", "all")
    becomes(world, "RUNNING")


def restart_failed(world):
    """connect restart --scope failed-tasks finds nothing to do where nothing failed"""
    connect(world, "restart", "--names", NAME, "--scope", "failed-tasks")
    becomes(world, "RUNNING")


def delete(world):
    """connect delete removes it"""
    connect(world, "delete", "--names", NAME, "--yes")
    until(lambda: NAME not in world.call("GET", "/connectors")[1])


main("bkkt", [
    create, healthy, create_again, endpoints, plugins, workers, offsets, offsets_running, stop, offsets_patch, resume, pause, patch, restart,
    restart_failed, delete,
])
