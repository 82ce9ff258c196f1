"""An existing broker, such as RabbitMQ, that the tests use when TEST_BROKER_URL is set.

Each process of tests and each demo has its own queue there and deletes it at the end. Without TEST_BROKER_URL, messages
are files and these functions do nothing.
"""

import os

from django.conf import settings
from kombu import Connection, Exchange, Queue

URL = os.environ.get("TEST_BROKER_URL", "")


def queue_of_this_process() -> str:
    name: str = settings.CELERY_TASK_DEFAULT_QUEUE
    return name


def take_messages(name: str) -> list[bytes]:
    """Remove all messages from a queue and return them, with their headers."""
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
    """Delete a queue with its exchange and its messages."""
    if not url:
        return
    with Connection(url) as connection:
        queue = _queue(name)(connection.default_channel)
        queue.declare()
        queue.delete()
        queue.exchange.delete()


def _queue(name: str) -> Queue:
    """Return the queue as Celery declares its default one."""
    return Queue(name, Exchange(name), routing_key=name)
