#!/usr/bin/env python3
"""kafka-connect-cli: its command `kafka_connect`."""
import json

from checks import holds, main, named, same, until

NAME = named("kafka-connect-cli")


def command(world, *arguments, status=0):
    return world.run("kafka_connect", *arguments, "--url", world.url, status=status)


def ask(world, *arguments):
    return json.loads(command(world, *arguments))


def becomes(world, state, failed=()):
    until(lambda: ask(world, "connector", "get", "--name", NAME), lambda found: found == {"connector": NAME, "state": state, "failedTasks": list(failed)})
    until(lambda: len(ask(world, "task", "list", "--connector", NAME)) == world.tasks)


def create(world):
    """connector create makes it from a file"""
    found = ask(world, "connector", "create", "--name", NAME, "--configuration-file", world.file(world.config()))
    same((found["name"], found["type"], world.unhidden(found["config"])), (NAME, "sink", {**world.config(), "name": NAME}))


def running(world):
    """connector get comes to RUNNING, no task failed"""
    becomes(world, "RUNNING")


def create_again(world):
    """connector create of one that exists is refused, and is nothing with --if-not-exists"""
    file = world.file(world.config())
    holds(f"Connector {NAME} already exists", command(world, "connector", "create", "--name", NAME, "--configuration-file", file, status=1))
    same(ask(world, "connector", "create", "--name", NAME, "--configuration-file", file, "--if-not-exists"), None)


def listed(world):
    """connector list has it, RUNNING"""
    holds({"connector": NAME, "state": "RUNNING", "failedTasks": []}, ask(world, "connector", "list"))


def configuration(world):
    """connector configuration gives it back as it was given"""
    same(world.unhidden(ask(world, "connector", "configuration", "--name", NAME)), {**world.config(), "name": NAME})


def tasks(world):
    """task list tells the state of each, without a trace"""
    wanted = [{"taskId": task, "state": "RUNNING", "trace": ""} for task in range(world.tasks)]
    same(ask(world, "task", "list", "--connector", NAME), wanted)


def restart(world):
    """connector restart and task restart"""
    command(world, "connector", "restart", "--name", NAME)
    becomes(world, "RUNNING")
    command(world, "task", "restart", "--connector", NAME, "--task", "0")
    becomes(world, "RUNNING")


def pause(world):
    """connector pause and resume, and all that a pattern matches"""
    command(world, "connector", "pause", "--name", NAME)
    becomes(world, "PAUSED")
    command(world, "connector", "resume", "--name", NAME)
    becomes(world, "RUNNING")
    holds(f"Connector {NAME} paused", command(world, "connector", "pause-all", "--name", NAME, "--verbose"))
    becomes(world, "PAUSED")
    command(world, "connector", "resume-all", "--name", NAME)
    becomes(world, "RUNNING")


def healthy(world):
    """health-check is content while all run"""
    holds(f"Connector {NAME} in state RUNNING", command(world, "health-check", "--verbose"))


def update(world):
    """connector update answers with the new configuration"""
    config = world.config(buffer__flush__time="30")
    found = ask(world, "connector", "update", "--name", NAME, "--configuration", json.dumps(config))
    same(world.unhidden(found["config"]), {**config, "name": NAME})
    becomes(world, "RUNNING")


def unhealthy(world):
    """health-check and task list name tasks that failed, with the trace"""
    world.put("failing", world.failing())
    world.settle("failing", "RUNNING", "FAILED")
    found = ask(world, "task", "list", "--connector", world.name("failing"))
    same([task["state"] for task in found], ["FAILED"] * world.tasks)
    holds("org.apache.kafka.connect.errors.DataException", found[0]["trace"])
    said = command(world, "health-check", "--verbose", status=1)
    holds(f"Task 0 of connector {world.name('failing')} in state FAILED", said)
    same(ask(world, "connector", "get", "--name", world.name("failing")), {"connector": world.name("failing"), "state": "FAILED", "failedTasks": list(range(world.tasks))})


def delete(world):
    """connector delete and delete-all remove them"""
    command(world, "connector", "delete", "--name", NAME)
    until(lambda: NAME not in [found["connector"] for found in ask(world, "connector", "list")])
    holds(f"Connector {world.name('failing')} deleted", command(world, "connector", "delete-all", "--name", world.name("failing"), "--verbose"))


def unknown(world):
    """an unknown connector is told with the worker's own words"""
    holds("Connector no-such-connector not found", command(world, "connector", "configuration", "--name", "no-such-connector", status=1))


main("kafka-connect-cli", [
    create, running, create_again, listed, configuration, tasks, restart, pause, healthy, update, unhealthy, delete, unknown,
])
