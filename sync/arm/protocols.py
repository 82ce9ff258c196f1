"""Interfaces for reading Azure resources, implemented by the gateway and by readers that keep to the budget."""

from collections.abc import Iterator
from typing import Any, Protocol


class Reader(Protocol):
    """Reads resources. Both methods raise AzureNotFound, AzureRefused, AzureUnreachable and ValueError."""

    def get(self, arm_id: str, *, api_version: str | None = None) -> dict[str, Any]:
        """Return the resource as ARM has it."""

    def list_children(self, namespace_id: str, kind: str) -> Iterator[dict[str, Any]]:
        """Yield every child of a kind ("clients", …)."""


class PagedReader(Reader, Protocol):
    """A reader of single pages, so that after a fault only one page is read again."""

    def page_of_children(self, namespace_id: str, kind: str, link: str = "") -> tuple[list[dict[str, Any]], str]:
        """Return the first page, or the page of `link`, and the link to the next page or ""."""
