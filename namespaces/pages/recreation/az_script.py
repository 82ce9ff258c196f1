"""Parts as a shell script of az commands."""

import json
import shlex
from collections.abc import Sequence

from namespaces.pages.recreation.files import Format, Scope
from namespaces.pages.recreation.parts import Part


def _piece(part: Part, before: Sequence[Part]) -> str:
    number = len(before) + 1
    if part.kind:
        step, options, content = f"/{part.kind}/{part.name}", "", dict(part.properties)
    else:
        step, options = "", " --is-full-object"
        content = {**part.envelope, "properties": dict(part.properties)}
    # JSON in ASCII has no line that could end it early.
    return f"""cat > "$work/{number}.json" <<'JSON'
{json.dumps(content, indent=2)}
JSON
az resource create --id "$namespace{step}" --api-version {part.api_version}{options} --properties "@$work/{number}.json" --output none
"""


def _whole(scope: Scope, file: Sequence[tuple[Part, str]]) -> str:
    pieces = "\n".join(piece for _, piece in file)
    return f"""#!/bin/sh
# Creates resources of the namespace. Stops at the first error; it can be run again.
set -eu
subscription="${{SUBSCRIPTION:-{shlex.quote(scope.subscription)}}}"
group="${{RESOURCE_GROUP:-{shlex.quote(scope.group)}}}"
name="${{NAMESPACE:-{shlex.quote(scope.namespace)}}}"
namespace="/subscriptions/$subscription/resourceGroups/$group/providers/Microsoft.EventGrid/namespaces/$name"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{pieces}"""


def _steps(scope: Scope, names: Sequence[str]) -> str:
    lines = "\n".join(f"sh {name}" for name in names)
    return (
        f"```sh\naz login\n{lines}\n```\n\nThe variables SUBSCRIPTION, RESOURCE_GROUP and NAMESPACE choose another place."
        " Each command takes a second or two: for many clients, the ARM template is faster."
    )


AZ_SCRIPT = Format(
    "az",
    "az script",
    "sh",
    "A shell script of az commands, one for each resource.",
    _piece,
    _whole,
    _steps,
    is_proved=True,
)
