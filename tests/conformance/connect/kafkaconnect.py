#!/usr/bin/env python3
"""kafkaconnect: its command of the same name."""
import json
import os
import subprocess
import sys

from checks import PATIENCE, holds, main, named, same, until

NAME = named("kafkaconnect")


def command(world, *arguments):
    return world.run("kafkaconnect", "--connect", world.url, *arguments)


def ask(world, *arguments):
    return json.loads(command(world, *arguments))


def all_in(world, state):
    def there(found):
        return found["connector"]["state"] == state and [task["state"] for task in found["tasks"]] == [state] * world.tasks

    return until(lambda: ask(world, "status", NAME), there)


def plugins(world):
    """plugins lists the connector's class"""
    holds(world.plugin, [plugin["class"] for plugin in ask(world, "plugins")])


def dry_run(world):
    """upload --dry-run validates without errors and makes nothing"""
    found = ask(world, "upload", "--name", NAME, "--dry-run", world.file(world.config()))
    same(found["error_count"], 0)
    assert NAME not in ask(world, "list")


def invalid(world):
    """upload of an invalid configuration shows the validation and makes nothing"""
    config = {key: value for key, value in world.config().items() if key != "topics"}
    said = command(world, "upload", "--name", NAME, world.file(config))
    found = json.loads(said.partition("...\n")[2])
    assert found["error_count"] > 0, found["error_count"]
    assert NAME not in ask(world, "list")


def upload(world):
    """upload validates, then makes the connector as it was given"""
    said = command(world, "upload", "--name", NAME, world.file(world.config()))
    found = json.loads(said.partition("...\n")[2])
    same((found["name"], found["type"], world.unhidden(found["config"])), (NAME, "sink", {**world.config(), "name": NAME}))
    until(lambda: NAME in ask(world, "list"))


def running(world):
    """status comes to RUNNING with all tasks"""
    same(all_in(world, "RUNNING")["type"], "sink")


def read(world):
    """info, config and tasks describe it"""
    same(world.unhidden(ask(world, "config", NAME)), {**world.config(), "name": NAME})
    same(world.unhidden(ask(world, "info", NAME)["config"]), {**world.config(), "name": NAME})
    same([task["id"]["task"] for task in ask(world, "tasks", NAME)], list(range(world.tasks)))


def upload_again(world):
    """upload of one that exists updates it"""
    config = world.config(buffer__flush__time="30")
    command(world, "upload", "--name", NAME, world.file(config))
    until(lambda: world.unhidden(ask(world, "config", NAME)) == {**config, "name": NAME})
    all_in(world, "RUNNING")


def wait(world):
    """create with --show-status shows it running"""
    program = [os.path.join(sys.prefix, "bin", "kafkaconnect"), "--connect", world.url, "create", "jdbc-sink", "--name", NAME]
    program += ["--show-status", "--show-status-interval", "500", world.file(world.config())]
    said = ""
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        try:
            for line in process.stdout:
                said += line
                if said.count('"state": "RUNNING"') == world.tasks + 1 or len(said) > 100_000:
                    break
        finally:
            process.terminate()
            process.wait(PATIENCE)
    holds(f"Creating the {NAME} connector...", said)
    holds('"state": "RUNNING"', said)


def pause(world):
    """pause and resume"""
    same(command(world, "pause", NAME).strip(), "")
    all_in(world, "PAUSED")
    same(command(world, "resume", NAME).strip(), "")
    all_in(world, "RUNNING")


def restart(world):
    """restart brings it back"""
    same(command(world, "restart", NAME).strip(), "")
    all_in(world, "RUNNING")


def topics(world):
    """topics names the topics that records came from"""
    wanted = {NAME: {"topics": sorted(world.posted["config"]["topics"].split(","))}}
    until(lambda: ask(world, "topics", NAME) == wanted)


def delete(world):
    """delete removes it, and what is gone is not found"""
    same(command(world, "delete", NAME).strip(), "")
    until(lambda: NAME not in ask(world, "list"))
    same(command(world, "info", NAME).strip(), f"Resource {world.url}/connectors/{NAME} not found.")


main("kafkaconnect", [plugins, dry_run, invalid, upload, running, read, upload_again, wait, pause, restart, topics, delete])
