"""Celery's embedded broker: messages are files that are written under another name, then renamed.

kombu's own transport writes messages and exchange tables in place, so that a worker may read half a message and end; it
also moves messages through the system's temporary folder. Here files appear complete or not at all, and stay in the
broker's folders, which only their owner can read.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write_whole(target: Path, content: bytes) -> None:
    """Write a file atomically: readers see all of it or nothing."""
    beside = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    with open(beside, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(content)
    beside.rename(target)


class Channel(filesystem.Channel):
    """A channel that writes messages and exchange tables atomically."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for path in (self.data_folder_in, self.data_folder_out, self.processed_folder, self.control_folder):
            _folder(path)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # as kombu does
        # Wall-clock nanoseconds keep the order of sending, even across a restart of the machine.
        target = _folder(self.data_folder_out) / f"{time.time_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        try:
            _write_whole(target, str_to_bytes(dumps(payload)))
        except OSError as fault:
            raise ChannelError(f"Cannot add {target.name} to the queue folder") from fault

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        taken_folder = Path(self.processed_folder)
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = taken_folder / name
            try:
                os.rename(Path(self.data_folder_in) / name, taken)
            except OSError:
                continue  # another worker was faster
            content = taken.read_bytes()
            if not self.store_processed:
                taken.unlink(missing_ok=True)
            try:
                return loads(bytes_to_str(content))
            except ValueError:
                continue  # not a message: a foreign file must not stop the worker
        raise Empty

    @contextmanager
    def _table(self, exchange: str) -> Iterator[list[Any]]:
        """Yield the bindings of an exchange for changes in place, locked against other processes."""
        file = Path(self._exchange_file(exchange))  # type: ignore[attr-defined]  # kombu refuses names that are paths
        with open(self.control_folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.get_table(exchange)
            table = list(before)
            yield table
            if table != before:
                _write_whole(file, str_to_bytes(dumps(table)))

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str) -> None:
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._table(exchange) as table:
            if binding not in table:
                table.insert(0, binding)

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._table(exchange) as table:
            if binding in table:
                table.remove(binding)
        self._purge(queue)


class Transport(filesystem.Transport):
    """The filesystem transport with our channel."""

    Channel = Channel
