"""Parts as Terraform with the provider azapi.

Source: https://developer.hashicorp.com/terraform/language/syntax/configuration and
https://registry.terraform.io/providers/Azure/azapi/latest/docs/resources/resource
"""

from collections.abc import Mapping, Sequence
from typing import Any

from namespaces.pages.recreation.files import Format, Scope
from namespaces.pages.recreation.parts import Part

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text(value: str) -> str:
    """Return a text in quotes, in which nothing is a template."""
    written = "".join(map(_character, value))
    return '"' + written.replace("${", "$${").replace("%{", "%%{") + '"'


def _character(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def expression(value: Any, indent: int) -> str:
    """Return a value of JSON as HCL writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return text(value)
    inner = " " * (indent + 2)
    if isinstance(value, Mapping):
        lines = [f"{inner}{text(key)} = {expression(each, indent + 2)}" for key, each in value.items()]
        return "\n".join(["{", *lines, " " * indent + "}"]) if lines else "{}"
    lines = [f"{inner}{expression(each, indent + 2)}," for each in value]
    return "\n".join(["[", *lines, " " * indent + "]"]) if lines else "[]"


def label(kind: str, name: str) -> str:
    """Return the name of a resource in the module, another one for each kind and name: `_` and the code stand for a character."""
    return f"{kind}_" + "".join(
        char if char.isascii() and (char.isalnum() or char == "-") else f"_{ord(char):x}_" for char in name
    )


def _piece(part: Part, before: Sequence[Part]) -> str:
    own = label(part.kind, part.name) if part.kind else "namespace"
    lines = [f'resource "azapi_resource" "{own}" {{', f'  type = "{part.type}@{part.api_version}"']
    if part.kind:
        lines += ["  parent_id = azapi_resource.namespace.id", f"  name = {text(part.name)}"]
        body: dict[str, Any] = {"properties": dict(part.properties)}
    else:
        lines += ["  parent_id = var.resource_group_id", "  name = var.namespace_name", "  location = var.location"]
        lines += _beside(part.envelope)
        body = {key: part.envelope[key] for key in ("sku",) if key in part.envelope}
        body["properties"] = dict(part.properties)
    if part.api_version.endswith("-preview"):
        lines.append("  schema_validation_enabled = false")
    lines.append(f"  body = {expression(body, 2)}")
    if part.needs:
        needed = ", ".join(f"azapi_resource.{label(kind, name)}" for kind, name in part.needs)
        lines.append(f"  depends_on = [{needed}]")
    return "\n".join([*lines, "}\n"])


def _beside(envelope: Mapping[str, Any]) -> list[str]:
    lines = [f"  tags = {expression(envelope['tags'], 2)}"] if "tags" in envelope else []
    identity = envelope.get("identity")
    if identity:
        lines += ["  identity {", f"    type = {text(identity['type'])}"]
        if users := list(identity.get("userAssignedIdentities", {})):
            lines.append(f"    identity_ids = {expression(users, 4)}")
        lines.append("  }")
    return lines


def _whole(scope: Scope, file: Sequence[tuple[Part, str]]) -> str:
    pieces = "\n".join(piece for _, piece in file)
    if file[0][0].kind:
        return pieces
    group = f"/subscriptions/{scope.subscription}/resourceGroups/{scope.group}"
    variables = "\n".join(
        f'variable "{name}" {{\n  type = string\n  default = {text(value)}\n}}\n'
        for name, value in (
            ("resource_group_id", group),
            ("namespace_name", scope.namespace),
            ("location", scope.location),
        )
    )
    return f"""terraform {{
  required_providers {{
    azapi = {{
      source = "Azure/azapi"
      version = "~> 2.0"
    }}
  }}
}}

{variables}
{pieces}"""


def _steps(scope: Scope, names: Sequence[str]) -> str:
    return "```sh\nterraform init\nterraform apply\n```\n\nAll files belong to one module: keep them in one folder."


TERRAFORM = Format(
    "terraform",
    "Terraform",
    "tf",
    "A Terraform module for the provider azapi.",
    _piece,
    _whole,
    _steps,
    is_proved=False,
)
