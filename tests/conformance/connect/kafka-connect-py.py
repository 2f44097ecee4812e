#!/usr/bin/env python3
"""kafka-connect-py: its command `kc`, and its library where the command does not reach."""
import json

from kafka_connect import KafkaConnect

from checks import holds, main, named, same, until

NAME = named("kafka-connect-py")


def kc(world, *arguments):
    return world.run("kc", "--url", world.url, "--log-level", "CRITICAL", *arguments)


def ask(world, *arguments):
    return json.loads(kc(world, *arguments))


def library(world):
    return KafkaConnect(url=world.url)


def all_in(world, state):
    """What `kc status` says, once connector and tasks are in a state."""
    def there(found):
        return found["connector"]["state"] == state and [task["state"] for task in found["tasks"]] == [state] * world.tasks

    return until(lambda: ask(world, "status", NAME), there)


def cluster(world):
    """info names a version, a commit and a Kafka cluster"""
    same(set(ask(world, "info")), {"version", "commit", "kafka_cluster_id"})


def plugins(world):
    """list-plugins names the connector's class as a sink"""
    found = {plugin["class"]: plugin["type"] for plugin in ask(world, "list-plugins")}
    same(found.get(world.plugin), "sink")


def validate(world):
    """a complete configuration validates without errors"""
    found = library(world).validate_connector_config(world.plugin, {**world.config(), "name": NAME})
    same((found["name"], found["error_count"]), (world.plugin, 0))


def validate_finds(world):
    """a configuration without topics validates with errors at topics"""
    config = {key: value for key, value in world.config().items() if key != "topics"}
    found = library(world).validate_connector_config(world.plugin, {**config, "name": NAME})
    assert found["error_count"] > 0, found["error_count"]
    wrong = [config["value"]["name"] for config in found["configs"] if config["value"]["errors"]]
    holds("topics", wrong)


def validate_command(world):
    """validate-config, which sends its JSON as a JSON string, is told 500"""
    holds("500 Server Error", kc(world, "validate-config", world.plugin, "-d", json.dumps(world.config())))


def create(world):
    """create from a file answers with the connector as it was given"""
    found = ask(world, "create", "-f", world.file({"name": NAME, "config": world.config()}))
    same((found["name"], found["type"]), (NAME, "sink"))
    same(world.unhidden(found["config"]), {**world.config(), "name": NAME})


def create_again(world):
    """create of one that exists is told 409"""
    until(lambda: "409 Client Error: Conflict" in kc(world, "create", "-f", world.file({"name": NAME, "config": world.config()})))


def invalid(world):
    """create of an invalid one is told 400"""
    config = {key: value for key, value in world.config().items() if key != "topics"}
    holds("400 Client Error: Bad Request", kc(world, "create", "-d", json.dumps({"name": world.name("bad"), "config": config})))


def running(world):
    """status comes to RUNNING with all tasks, each with its worker"""
    found = all_in(world, "RUNNING")
    same([task["id"] for task in found["tasks"]], list(range(world.tasks)))
    same({task["worker_id"] for task in found["tasks"]}, {found["connector"]["worker_id"]})
    same((found["name"], found["type"]), (NAME, "sink"))


def listed(world):
    """list has it, plain, with status, with info, by pattern and by state"""
    holds(NAME, ask(world, "list"))
    same(ask(world, "list", "-e", "status")[NAME]["status"]["connector"]["state"], "RUNNING")
    same(world.unhidden(ask(world, "list", "-e", "info")[NAME]["info"]["config"]), {**world.config(), "name": NAME})
    same(ask(world, "list", "-p", NAME, "-s", "running"), [NAME])
    same(ask(world, "list", "-p", NAME, "-s", "failed"), [])


def read(world):
    """get and config give the configuration back as it was given"""
    same(world.unhidden(ask(world, "config", NAME)), {**world.config(), "name": NAME})
    found = ask(world, "get", NAME)
    same(world.unhidden(found["config"]), {**world.config(), "name": NAME})
    same(found["tasks"], [{"connector": NAME, "task": task} for task in range(world.tasks)])


def tasks(world):
    """list-tasks and task-status tell of each task"""
    found = ask(world, "list-tasks", NAME)
    same([task["id"] for task in found], [{"connector": NAME, "task": task} for task in range(world.tasks)])
    for task in range(world.tasks):
        found = ask(world, "task-status", NAME, task)
        same((found["id"], found["state"]), (task, "RUNNING"))


def restart_task(world):
    """restart-task brings a task back"""
    kc(world, "restart-task", NAME, 0)
    all_in(world, "RUNNING")


def restart(world):
    """restart answers with the status, without flags and with both"""
    same(ask(world, "restart", NAME)["name"], NAME)
    all_in(world, "RUNNING")
    same(ask(world, "restart", NAME, "--include-tasks", "--only-failed")["name"], NAME)
    all_in(world, "RUNNING")


def restart_all(world):
    """restart with tasks plans every one of them and all come back"""
    planned = library(world).restart_connector(NAME, include_tasks=True)
    same(planned["connector"]["state"], "RESTARTING")
    same(sorted((task["id"], task["state"]) for task in planned["tasks"]), [(task, "RESTARTING") for task in range(world.tasks)])
    all_in(world, "RUNNING")


def restart_unknown(world):
    """restart of an unknown one is told 404"""
    holds("Unknown connector: no-such-connector", kc(world, "restart", "no-such-connector"))


def pause(world):
    """pause and resume, by name and by pattern"""
    kc(world, "pause", NAME)
    all_in(world, "PAUSED")
    same(ask(world, "list", "-p", NAME, "-s", "paused"), [NAME])
    kc(world, "resume", "--all", "-p", NAME)
    all_in(world, "RUNNING")


def stop(world):
    """a stopped connector has no tasks, and has them again when resumed"""
    library(world).stop_connector(NAME)
    found = until(lambda: ask(world, "status", NAME), lambda found: found["connector"]["state"] == "STOPPED")
    same(until(lambda: ask(world, "status", NAME)["tasks"] == []), True)
    same(found["name"], NAME)
    kc(world, "resume", NAME)
    all_in(world, "RUNNING")


def update(world):
    """update changes the configuration"""
    config = world.config(buffer__flush__time="30")
    same(world.unhidden(ask(world, "update", NAME, "-d", json.dumps(config))["config"]), {**config, "name": NAME})
    until(lambda: ask(world, "config", NAME)["buffer.flush.time"] == "30")
    all_in(world, "RUNNING")


def topics(world):
    """list-topics names the topics that records came from, until they are reset"""
    wanted = {NAME: {"topics": sorted(world.posted["config"]["topics"].split(","))}}
    until(lambda: ask(world, "list-topics", NAME) == wanted)
    kc(world, "reset-topics", NAME)


def delete(world):
    """delete removes it"""
    kc(world, "delete", NAME)
    until(lambda: NAME not in ask(world, "list"))
    holds("404 Client Error: Not Found", kc(world, "get", NAME))


main("kafka-connect-py", [
    cluster, plugins, validate, validate_finds, validate_command, invalid, create, running, create_again, listed, read, tasks, restart_task,
    restart, restart_all, restart_unknown, pause, stop, update, topics, delete,
])
