"""What reads Azure resources: the gateway, or a reader that keeps to the budget."""

from collections.abc import Iterator
from typing import Any, Protocol


class Reader(Protocol):
    """Where resources are read from: the gateway, or somebody who reads from it with care."""

    def get(self, arm_id: str, *, api_version: str | None = None) -> dict[str, Any]: ...

    def list_children(self, namespace_id: str, kind: str) -> Iterator[dict[str, Any]]: ...


class PagedReader(Reader, Protocol):
    """One that can be asked for a single page, so that only this page need be asked for again."""

    def page_of_children(self, namespace_id: str, kind: str, link: str = "") -> tuple[list[dict[str, Any]], str]: ...
