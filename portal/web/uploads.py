"""Keep uploads in memory and cap them while they arrive: no upload is ever written to a temporary file."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload


class CappedMemoryUploadHandler(MemoryFileUploadHandler):
    """Keep a file in memory up to MAX_UPLOAD_BYTES + 1, so that the form can reject it as too large without parsing it.

    A page in LARGE_UPLOADS has a limit for all its files together instead, each cut one byte above what is left of it.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.taken = 0  # bytes of the files before

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True
        path = self.request.path if self.request is not None else ""
        large = (most for ending, most in settings.LARGE_UPLOADS.items() if path.endswith(ending))
        self.together = next(large, 0)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        most = self.together - self.taken if self.together else settings.MAX_UPLOAD_BYTES
        if start > most:
            return None  # already over the cap: drop the rest
        return super().receive_data_chunk(raw_data[: most + 1 - start], start)

    def file_complete(self, file_size: int) -> Any:
        self.taken = min(self.taken + file_size, self.together + 1)
        return super().file_complete(file_size)


__all__ = ["CappedMemoryUploadHandler", "StopUpload"]
