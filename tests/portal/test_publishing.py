"""Messages go out over connections that may have died since the last one."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery

from tests.support.servers import own_broker
from tests.support.servers.cut_connections import Proxy, proxy_to
from tests.support.servers.postgresql_and_redis import redis

TASK = "portal.tasks.heartbeat"


@contextmanager
def sender(url: str) -> Iterator[Any]:
    """A Celery app with the product's settings, apart from where it sends."""
    app: Any = Celery("sender", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    queue = f"tests-{uuid.uuid4().hex}"
    app.conf.update(broker_write_url=url, broker_read_url=url, broker_transport_options={}, task_default_queue=queue)
    try:
        yield app
    finally:
        app.pool.force_close_all()
        app.close()
        own_broker.delete_queue(queue, url)


def assert_arrives(app: Any, word: str) -> None:
    app.send_task(TASK, args=(word,))
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(app.amqp.queues[app.conf.task_default_queue], no_ack=True)
        assert queue.get(timeout=60).payload[0] == [word]


def test_a_message_arrives_though_the_connection_has_died_unnoticed() -> None:
    with redis() as server, proxy_to(server.socket) as proxy, sender(f"redis://127.0.0.1:{proxy.port}/0") as app:
        assert_arrives(app, "before")
        proxy.forget()
        assert_arrives(app, "after")


@pytest.mark.on_own_broker
def test_a_message_arrives_though_the_broker_has_ended_the_connection() -> None:
    """As RabbitMQ does when it restarts."""
    parts = urlsplit(own_broker.URL)
    server = (parts.hostname or "localhost", parts.port or 5672)
    with proxy_to(server) as proxy, sender(through(proxy)) as app:
        assert_arrives(app, "before")
        proxy.cut()
        assert_arrives(app, "after")


def through(proxy: Proxy) -> str:
    parts = urlsplit(own_broker.URL)
    who = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{who}@127.0.0.1:{proxy.port}").geturl()
