"""Messages through a pipe between a process that decides and the one that records for it. Nothing else has this pipe."""

import pickle
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

LENGTH_BYTES = 4  # before each message


class Writable(Protocol):
    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


def message_of(content: Any) -> bytes:
    """Return content as bytes. Raises what pickling raises, for what another process cannot be given."""
    return pickle.dumps(content, pickle.HIGHEST_PROTOCOL)


def content_of(message: bytes) -> Any:
    """Return the content of bytes that `message_of` returned. Only for those of our own processes."""
    return pickle.loads(message)  # noqa: S301 - written by our own process


def write_message(stream: Writable, content: bytes) -> None:
    """Write a message, as `message_of` returns it. Raise OSError where the other process has ended."""
    stream.write(len(content).to_bytes(LENGTH_BYTES, "big") + content)
    stream.flush()


def read_messages(stream: BinaryIO | Any) -> Iterator[Any]:
    """Yield messages until the other process ends; one that it was killed in is left out."""
    while len(length := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
        size = int.from_bytes(length, "big")
        content = stream.read(size)
        if len(content) < size:
            return
        yield content_of(content)
