"""The `az` commands of the guide, filled in for one resource below a namespace. Pure text."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    title: str
    sentence: str
    text: str

    @property
    def anchor(self) -> str:
        return self.title.lower()


def az_commands(arm_id: str, name: str, body: Mapping[str, Any], api_version: str) -> tuple[Command, ...]:
    """Create, show and delete. The create command writes its properties file first, then names it."""
    file_name = shlex.quote(f"{name}.json")
    properties = json.dumps({key: value for key, value in body.items() if value is not None}, indent=2)
    target = f"--id {shlex.quote(arm_id)} --api-version {api_version}"
    return (
        Command(
            "Create",
            "Writes the properties to a file, then creates the resource or updates it.",
            f"cat > {file_name} <<'JSON'\n{properties}\nJSON\naz resource create {target} --properties @{file_name}",
        ),
        Command("Show", "Prints the resource in Azure.", f"az resource show {target}"),
        Command("Delete", "Deletes it in Azure, outside the portal.", f"az resource delete {target}"),
    )
