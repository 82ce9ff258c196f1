"""A real gunicorn with the portal's worker, for tests of serving."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORKER = "from portal.serving.bounded_worker import BoundedThreadWorker\n"


@contextmanager
def gunicorn_process(
    folder: Path, application: str, worker: str, *options: str
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Serve `application` for the block, and yield its port and process. Its log is the file `log` in the folder.

    Args:
        application: Python source of a WSGI application called `application`.
        worker: Python source that sets limits of the worker.
    """
    (folder / "served_application.py").write_text(application, encoding="utf-8")
    (folder / "served_worker.py").write_text(WORKER + worker, encoding="utf-8")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        command = [
            *(sys.executable, "-m", "gunicorn", "served_application:application", f"--bind=fd://{listener.fileno()}"),
            *("--worker-class=served_worker.BoundedThreadWorker", "--no-control-socket", "--graceful-timeout=1"),
            *(f"--pythonpath={folder},{Path.cwd()}", *options),
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=log)
    try:
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
