"""Keep uploads in memory and cap them while they arrive: no upload is ever written to a temporary file."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload


class CappedMemoryUploadHandler(MemoryFileUploadHandler):
    """Keep a file in memory up to MAX_UPLOAD_BYTES + 1, so that the form can reject it as too large without parsing it."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        if start > settings.MAX_UPLOAD_BYTES:
            return None  # already over the cap: drop the rest
        return super().receive_data_chunk(raw_data[: settings.MAX_UPLOAD_BYTES + 1 - start], start)


__all__ = ["CappedMemoryUploadHandler", "StopUpload"]
