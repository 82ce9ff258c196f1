"""Run the processes of the service: gunicorn starts, watches and stops them, each with one event loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gunicorn.app.base import BaseApplication

from certificates.decision_service.application import Application

GRACE_SECONDS = 5  # for requests that are being answered when the service stops
SILENT_SECONDS = 30  # until a process that does nothing any more is replaced
KEEP_ALIVE_SECONDS = 75
MOST_CONNECTIONS = 1000  # of each process
LONGEST_HEADER = 20_000  # a token has at most 16,384 characters


@dataclass(frozen=True)
class Listening:
    """Where the service listens, and with which TLS certificate; without one a proxy in front has it."""

    address: str  # HOST:PORT, unix:PATH or fd://NUMBER
    processes: int
    certificate: str = ""
    key: str = ""


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no type hints
    def __init__(self, listening: Listening, application: Callable[[], Any]) -> None:
        self._listening = listening
        self._application = application
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": [self._listening.address],
            "workers": self._listening.processes,
            "worker_class": "asgi",
            "asgi_loop": "asyncio",
            "asgi_lifespan": "on",
            "certfile": self._listening.certificate or None,
            "keyfile": self._listening.key or None,
            "timeout": SILENT_SECONDS,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "worker_connections": MOST_CONNECTIONS,
            "limit_request_field_size": LONGEST_HEADER,
            "limit_request_fields": 50,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "decisions",
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._application()


def run(listening: Listening, application: Callable[[], Any] = Application) -> None:
    """Run the service until it is asked to stop. `application` is called in each process; benchmarks give another one."""
    _Server(listening, application).run()
