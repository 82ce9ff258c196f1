"""What reads see where it differs from what is stored: operations under way, and writes that have not arrived yet."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from emulator.storage.store import Resource, Store, id_key, parent_of

Accept = Callable[[Resource], bool] | None
FOREVER = float("inf")


@dataclass(frozen=True)
class _Shown:
    id: str
    resource: Resource | None  # None: reads do not find it
    until: float


class View:
    """Reads of the store, with some resources shown in another state for a while."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._shown: dict[str, _Shown] = {}

    def show(self, resource_id: str, resource: Resource | None, seconds: float = FOREVER) -> None:
        """Let reads of this id see `resource` (None: nothing) for a while, or until `forget`."""
        self._shown[id_key(resource_id)] = _Shown(resource_id, resource, self._clock() + seconds)

    def keeps(self, resource_id: str, resource: Resource | None, seconds: float) -> None:
        """Let reads see the state before a write; that of the first of several writes."""
        if seconds > 0 and self._of(resource_id) is None:
            self.show(resource_id, resource, seconds)

    def forget(self, resource_id: str) -> None:
        self._shown.pop(id_key(resource_id), None)

    def clear(self) -> None:
        self._shown.clear()

    def _of(self, resource_id: str) -> _Shown | None:
        shown = self._shown.get(id_key(resource_id))
        if shown is not None and shown.until <= self._clock():
            self.forget(resource_id)
            return None
        return shown

    def get(self, resource_id: str) -> Resource | None:
        shown = self._of(resource_id)
        return self._store.get(resource_id) if shown is None else shown.resource

    def children(self, parent_id: str, resource_type: str, after: str, accept: Accept, limit: int) -> list[Resource]:
        """As `Store.children`."""
        key = id_key(parent_id)
        return self._merged(
            lambda only: self._store.children(parent_id, resource_type, after=after, accept=only, limit=limit),
            lambda found: found.type == resource_type and id_key(parent_of(found.id)) == key,
            after,
            accept,
            limit,
        )

    def of_type(self, resource_type: str, below: str, after: str, accept: Accept, limit: int) -> list[Resource]:
        """As `Store.of_type`."""
        key = id_key(below) + "/"
        return self._merged(
            lambda only: self._store.of_type(resource_type, below=below, after=after, accept=only, limit=limit),
            lambda found: found.type == resource_type and id_key(found.id).startswith(key),
            after,
            accept,
            limit,
        )

    def _merged(
        self,
        stored: Callable[[Accept], list[Resource]],
        belongs: Callable[[Resource], bool],
        after: str,
        accept: Accept,
        limit: int,
    ) -> list[Resource]:
        for shown in list(self._shown.values()):
            self._of(shown.id)
        if not self._shown:
            return stored(accept)
        found = stored(lambda each: id_key(each.id) not in self._shown and (accept is None or accept(each)))
        for shown in self._shown.values():
            resource = shown.resource
            if resource is None or not belongs(resource) or id_key(resource.id) <= id_key(after):
                continue
            if accept is None or accept(resource):
                found.append(resource)
        found.sort(key=lambda each: id_key(each.id))
        return found if limit < 0 else found[:limit]
