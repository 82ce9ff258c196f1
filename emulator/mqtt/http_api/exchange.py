"""One HTTP request and its response, independent of what carries them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class HttpRequest:
    """A request. Names of headers are in lower case; the target is as it was sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def query(self) -> dict[str, str]:
        """Return the decoded query. Raise `HttpError` (400) for what is not UTF-8 or given twice.

        A plus sign is a space, as in a form.
        """
        text = self.target.partition("?")[2].partition("#")[0]
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=20)
        except ValueError:
            raise HttpError(400, "InvalidQuery", "The query is not percent-encoded UTF-8.") from None
        found = dict(pairs)
        if len(found) < len(pairs):
            raise HttpError(400, "InvalidQuery", "A query parameter is given twice.")
        return found


@dataclass(frozen=True)
class HttpResponse:
    """A response: status, body and headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, content: Any, headers: Mapping[str, str] | None = None) -> "HttpResponse":
        return cls(status, json.dumps(content).encode(), {"content-type": "application/json", **(headers or {})})


class HttpError(Exception):
    """An error response: status, a code for machines, a sentence for people."""

    def __init__(self, status: int, code: str, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.headers = headers or {}

    def response(self) -> HttpResponse:
        """Return it as `{"error": {"code": …, "message": …}}`."""
        return HttpResponse.of_json(self.status, {"error": {"code": self.code, "message": str(self)}}, self.headers)
