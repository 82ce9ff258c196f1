"""Parts as Bicep.

Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/data-types
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from namespaces.pages.recreation.files import Format, Scope
from namespaces.pages.recreation.parts import PROVIDER, Part

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "$": "\\$"}


def text(value: str) -> str:
    """Return a text in quotes. Characters beyond printable ASCII are escaped, except letters and digits."""
    return "'" + "".join(map(_character, value)) + "'"


def _character(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def expression(value: Any, indent: int) -> str:
    """Return a value of JSON as Bicep writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"json({text(repr(value))})"  # Bicep has no numbers with a fraction
    if isinstance(value, str):
        return text(value)
    inner = " " * (indent + 2)
    if isinstance(value, Mapping):
        lines = [f"{inner}{_key(key)}: {expression(each, indent + 2)}" for key, each in value.items()]
        return _block("{", lines, indent, "}")
    return _block("[", [f"{inner}{expression(each, indent + 2)}" for each in value], indent, "]")


def _block(opening: str, lines: Sequence[str], indent: int, closing: str) -> str:
    if not lines:
        return opening + closing
    return "\n".join([opening, *lines, " " * indent + closing])


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else text(name)


def _symbol(part: Part, before: Sequence[Part]) -> str:
    """Return a name for a part in its file: its kind and number, since names of resources have other characters."""
    return f"{part.kind}{len(before) + 1}" if part.kind else "namespace"


def _piece(part: Part, before: Sequence[Part]) -> str:
    lines = [f"resource {_symbol(part, before)} '{part.type}@{part.api_version}' = {{"]
    if part.kind:
        lines += ["  parent: namespace", f"  name: {text(part.name)}"]
    else:
        lines += ["  name: namespaceName", "  location: location"]
        lines += [f"  {key}: {expression(value, 2)}" for key, value in part.envelope.items() if key != "location"]
    lines.append(f"  properties: {expression(dict(part.properties), 2)}")
    if needed := _needed(part, before):
        lines.append(f"  dependsOn: {_block('[', [f'    {each}' for each in needed], 2, ']')}")
    return "\n".join([*lines, "}\n"])


def _needed(part: Part, before: Sequence[Part]) -> list[str]:
    if not part.needs:
        return []
    known = {each.key: _symbol(each, before[:at]) for at, each in enumerate(before)}
    keys = [(kind, name.lower()) for kind, name in part.needs]
    return [known[key] for key in keys if key in known]


def _whole(scope: Scope, file: Sequence[tuple[Part, str]]) -> str:
    head = ["targetScope = 'resourceGroup'", "", f"param namespaceName string = {text(scope.namespace)}"]
    if file[0][0].kind:
        existing = f"resource namespace '{PROVIDER}@{scope.api_version}' existing = {{\n  name: namespaceName\n}}\n"
        return "\n".join([*head, "", existing, *(piece for _, piece in file)])
    return "\n".join([*head, f"param location string = {text(scope.location)}", "", *(piece for _, piece in file)])


def _steps(scope: Scope, names: Sequence[str]) -> str:
    lines = [f"az deployment group create --resource-group {scope.group} --template-file {name}" for name in names]
    return "```sh\n" + "\n".join(lines) + "\n```"


BICEP = Format(
    "bicep",
    "Bicep",
    "bicep",
    "Bicep files with a parameter for name and location.",
    _piece,
    _whole,
    _steps,
    is_proved=False,
)
