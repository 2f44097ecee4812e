#!/usr/bin/env python3
"""kafka-connect-api: its model of a cluster, its connectors, their tasks, and the loggers."""
from kafka_connect_api.errors import GenericConflict, GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

from checks import holds, main, named, same, until

NAME = named("kafka-connect-api")


def cluster(world):
    return Cluster(Api(url=world.url))


def connector(world):
    return cluster(world).connectors[NAME]


def refused(error, action):
    """The code of the client's own error."""
    try:
        action()
    except error as raised:
        return raised.code
    raise AssertionError(f"{error.__name__} was not raised")


def all_in(world, state):
    def there(found):
        return found.state == state and len(found.tasks) == world.tasks and all(task.state == state for task in found.tasks)

    until(lambda: connector(world), there)


def described(world):
    """a cluster has a version and an id, and says so"""
    found = cluster(world)
    assert found.version and found.kafka_cluster, (found.version, found.kafka_cluster)
    same(repr(found), f"{world.url} - {found.version} - {found.kafka_cluster}")


def unknown(world):
    """an unknown connector is GenericNotFound, with code 404"""
    same(refused(GenericNotFound, lambda: Connector(cluster(world), NAME).exists()), 404)


def create(world):
    """assigning a configuration makes the connector"""
    made = Connector(cluster(world), NAME)
    made.config = world.config()
    until(lambda: NAME in cluster(world).connectors)
    same(until(lambda: connector(world).exists()), True)
    same(world.unhidden(connector(world).config), {**world.config(), "name": NAME})
    same(connector(world).connector_class, world.plugin)


def running(world):
    """its tasks come to run, each with its configuration"""
    all_in(world, "RUNNING")
    same([task.is_running() for task in connector(world).tasks], [True] * world.tasks)
    same([repr(task) for task in connector(world).tasks], [f"{NAME}.{task}" for task in range(world.tasks)])
    assert all(isinstance(task.config, dict) for task in connector(world).tasks)


def conflict(world):
    """posting it again is GenericConflict, with code 409"""
    body = {"name": NAME, "config": world.config()}
    same(refused(GenericConflict, lambda: cluster(world).api.post_raw("/connectors", json=body)), 409)


def restart(world):
    """restart of the connector and of each task"""
    connector(world).restart()
    all_in(world, "RUNNING")
    connector(world).restart_all_tasks()
    all_in(world, "RUNNING")


def pause(world):
    """pause and resume"""
    connector(world).pause()
    all_in(world, "PAUSED")
    same([task.is_running() for task in connector(world).tasks], [False] * world.tasks)
    connector(world).resume()
    all_in(world, "RUNNING")


def cycle(world):
    """cycling pauses, restarts every task and resumes, and all run again"""
    connector(world).cycle_connector()
    all_in(world, "RUNNING")


def loggers(world):
    """the root logger's level is read, set and set back"""
    before = cluster(world).root_logger["level"]
    other = "WARN" if before != "WARN" else "ERROR"
    cluster(world).root_logger = other
    same(cluster(world).root_logger["level"], other)
    cluster(world).root_logger = before
    same(cluster(world).root_logger["level"], before)


def one_logger(world):
    """one of the listed loggers is set, and the answer names it"""
    name = next(logger for logger in cluster(world).loggers if logger != "root")
    holds(name, cluster(world).set_logger_log_level(name, "ERROR"))
    same(cluster(world).loggers[name]["level"], "ERROR")


def delete(world):
    """delete removes it"""
    connector(world).delete()
    until(lambda: NAME not in cluster(world).connectors)
    same(refused(GenericNotFound, lambda: Connector(cluster(world), NAME).config), 404)


main("kafka-connect-api", [
    described, unknown, create, running, conflict, restart, pause, cycle, loggers, one_logger, delete,
])
