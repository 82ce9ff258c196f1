"""What reads return: the stored resources, except those shown in another state for a while.

Two features need this: a long-running operation shows `provisioningState` "Creating", "Updating" or "Deleting" until it
ends, and the fault `stale` hides a write for some seconds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from emulator.storage.resources import Resource, id_key, is_at_or_below, parent_of
from emulator.storage.store import Store

Accept = Callable[[Resource], bool] | None
FOREVER = float("inf")


@dataclass(frozen=True)
class _Override:
    id: str
    resource: Resource | None  # None: reads do not find it
    until: float  # in the time of the clock


class VisibleState:
    """Reads of the store, with overrides for some resources. `clock` returns seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._overrides: dict[str, _Override] = {}

    def show(self, resource_id: str, resource: Resource | None, seconds: float = FOREVER) -> None:
        """Let reads of this id return `resource` (None: not found) for `seconds`, or until `forget`."""
        self._overrides[id_key(resource_id)] = _Override(resource_id, resource, self._clock() + seconds)

    def hide_write(self, resource_id: str, before: Resource | None, seconds: float) -> None:
        """Let reads return the state before a write for `seconds`. Of several writes, the first counts."""
        if seconds > 0 and self._override_of(resource_id) is None:
            self.show(resource_id, before, seconds)

    def forget(self, resource_id: str) -> None:
        """End the override of one resource."""
        self._overrides.pop(id_key(resource_id), None)

    def forget_below(self, resource_id: str) -> None:
        """End the overrides of a resource and of everything below it."""
        for key in [key for key in self._overrides if is_at_or_below(key, resource_id)]:
            del self._overrides[key]

    def clear(self) -> None:
        """End all overrides."""
        self._overrides.clear()

    def _override_of(self, resource_id: str) -> _Override | None:
        override = self._overrides.get(id_key(resource_id))
        if override is not None and override.until <= self._clock():
            self.forget(resource_id)
            return None
        return override

    def get(self, resource_id: str) -> Resource | None:
        """Return the resource with this id, in any casing."""
        override = self._override_of(resource_id)
        return self._store.get(resource_id) if override is None else override.resource

    def children(self, parent_id: str, resource_type: str, after: str, accept: Accept, limit: int) -> list[Resource]:
        """Return what `Store.children` returns, with the overrides."""
        key = id_key(parent_id)
        return self._merged(
            lambda only: self._store.children(parent_id, resource_type, after=after, accept=only, limit=limit),
            lambda found: found.type == resource_type and id_key(parent_of(found.id)) == key,
            after,
            accept,
            limit,
        )

    def of_type(self, resource_type: str, below: str, after: str, accept: Accept, limit: int) -> list[Resource]:
        """Return what `Store.of_type` returns, with the overrides."""
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
        for override in list(self._overrides.values()):
            self._override_of(override.id)  # ends those that are over
        if not self._overrides:
            return stored(accept)
        found = stored(lambda each: id_key(each.id) not in self._overrides and (accept is None or accept(each)))
        for override in self._overrides.values():
            resource = override.resource
            if resource is None or not belongs(resource) or id_key(resource.id) <= id_key(after):
                continue
            if accept is None or accept(resource):
                found.append(resource)
        found.sort(key=lambda each: id_key(each.id))
        return found if limit < 0 else found[:limit]
