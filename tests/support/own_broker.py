"""A broker that runs already, such as a RabbitMQ: the tests send to it when TEST_BROKER_URL names one.

Each process of tests and each demo has a queue of its own there, which goes with it. Without TEST_BROKER_URL, messages
are files and nothing here does anything.
"""

import os

from django.conf import settings
from kombu import Connection, Exchange, Queue

URL = os.environ.get("TEST_BROKER_URL", "")


def queue_of_this_process() -> str:
    name: str = settings.CELERY_TASK_DEFAULT_QUEUE
    return name


def take_messages(name: str) -> list[bytes]:
    """What waits in a queue, headers and all. It is empty then."""
    if not URL:
        return []
    taken = []
    with Connection(URL) as connection:
        queue = _queue(name)(connection.default_channel)
        queue.declare()
        while (message := queue.get(no_ack=True)) is not None:
            taken.append(repr((message.body, message.headers)).encode())
    return taken


def delete_queue(name: str, url: str = URL) -> None:
    """With its exchange and all that waits in it."""
    if not url:
        return
    with Connection(url) as connection:
        queue = _queue(name)(connection.default_channel)
        queue.declare()
        queue.delete()
        queue.exchange.delete()


def _queue(name: str) -> Queue:
    """As Celery declares its default queue."""
    return Queue(name, Exchange(name), routing_key=name)
