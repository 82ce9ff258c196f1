"""The hello beside the service: another process with the same certificate and the same authority."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from typing import Any

from tests.support.waiting import until


class HelloServer:
    """A hello of `kind` on a free port."""

    def __init__(self, portal: Any, kind: str, processes: int, caller: dict[str, Any]) -> None:
        self.ca = portal.ca
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._listener.getsockname()[1])
        descriptor = self._listener.fileno()
        certificate = [portal.certificate, portal.key]
        command = [sys.executable, "-m", "benchmarks.decision.hello", kind, f"fd://{descriptor}", str(processes)]
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "BENCH_CALLER": json.dumps(caller)}
        self._process = subprocess.Popen([*command, *certificate], env=environment, pass_fds=[descriptor])
        until(self._answers, "the hello answers")

    def _answers(self) -> bool:
        context = ssl.create_default_context(cafile=self.ca)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain:
                with context.wrap_socket(plain, server_hostname="127.0.0.1"):
                    return True
        except OSError:
            return False

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._listener.close()
