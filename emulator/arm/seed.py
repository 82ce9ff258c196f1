"""The seed file: resources to create at the start. Each entry is the body of a PUT, with the `id` of the resource."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paths import parse_arm_path, split_path
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS
from emulator.credentials import Credentials

NEWEST = max(EVENT_GRID_VERSIONS)  # has every property


class SeedError(Exception):
    """An invalid seed file. `entry` is the number of the entry at fault, from 1, or 0 if it is the whole file."""

    def __init__(self, message: str, entry: int = 0) -> None:
        super().__init__(f"Entry {entry} of the seed file: {message}" if entry else message)
        self.entry = entry


def read_seed(path: Path) -> Sequence[Mapping[str, Any]]:
    """Return the entries of a seed file: a JSON array of resources, each with its `id`. Raise `SeedError`."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SeedError(f"Cannot read the seed file {path}: {error.strerror}.") from error
    except ValueError as error:
        raise SeedError(f"The seed file {path} is not valid JSON: {error}.") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SeedError(f"The seed file {path} must be a JSON array of resources.")
    return entries


def seed_call(entry: Mapping[str, Any], number: int, credentials: Credentials) -> Call:
    """Return the PUT of an entry. `{subscription}` in its id is replaced by the emulator's. Raise `SeedError`."""
    resource_id = entry.get("id")
    if not isinstance(resource_id, str):
        raise SeedError("'id' is missing.", number)
    target = resource_id.replace("{subscription}", credentials.subscription)
    try:
        path = parse_arm_path(split_path(target))
    except ArmError as error:
        raise SeedError(error.message, number) from error
    if path is None or not path.subscription or path.is_collection:
        raise SeedError(f"'{resource_id[:200]}' is not the id of a resource.", number)
    return Call(
        method="PUT",
        path=path,
        query={"api-version": NEWEST},
        body=json.dumps({key: value for key, value in entry.items() if key != "id"}).encode(),
        target=target,
        caller=credentials.client_id,
    )
