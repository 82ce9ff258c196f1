"""Parts as an ARM template in JSON.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax
"""

import json
from collections.abc import Sequence
from typing import Any

from namespaces.pages.recreation.files import Format, Scope
from namespaces.pages.recreation.parts import PROVIDER, Part

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_NAMESPACE = f"[resourceId('{PROVIDER}', parameters('namespaceName'))]"


def literal(value: Any) -> Any:
    """Return a value in which no text is taken for an expression."""
    if isinstance(value, str):
        return f"[{value}" if value.startswith("[") and value.endswith("]") else value
    if isinstance(value, dict):
        return {key: literal(each) for key, each in value.items()}
    return [literal(each) for each in value] if isinstance(value, list) else value


def resource(part: Part, before: Sequence[Part]) -> dict[str, Any]:
    """Return one resource of a template. It depends on those before it that it needs."""
    found: dict[str, Any] = {"type": part.type, "apiVersion": part.api_version}
    if not part.kind:
        found |= {"name": "[parameters('namespaceName')]", "location": "[parameters('location')]"}
        found |= {key: literal(value) for key, value in part.envelope.items() if key != "location"}
    else:
        found["name"] = f"[concat(parameters('namespaceName'), '/{part.name}')]"
        if needed := _depends_on(part, before):
            found["dependsOn"] = needed
    return {**found, "properties": literal(dict(part.properties))}


def _depends_on(part: Part, before: Sequence[Part]) -> list[str]:
    found = [_NAMESPACE] if before and not before[0].kind else []
    if part.needs:
        known = {each.key: each for each in before}
        for kind, name in part.needs:
            if (each := known.get((kind, name.lower()))) is not None:
                found.append(f"[resourceId('{each.type}', parameters('namespaceName'), '{each.name}')]")
    return found


def _piece(part: Part, before: Sequence[Part]) -> str:
    text = json.dumps(resource(part, before), indent=2)
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _whole(scope: Scope, file: Sequence[tuple[Part, str]]) -> str:
    parameters: dict[str, Any] = {"namespaceName": {"type": "string", "defaultValue": literal(scope.namespace)}}
    if not file[0][0].kind:
        parameters["location"] = {"type": "string", "defaultValue": literal(scope.location)}
    head = json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters}, indent=2)
    pieces = ",\n".join(piece for _, piece in file)
    return f'{head[:-2]},\n  "resources": [\n{pieces}\n  ]\n}}\n'


def _steps(scope: Scope, names: Sequence[str]) -> str:
    lines = [f"az deployment group create --resource-group {scope.group} --template-file {name}" for name in names]
    return "```sh\n" + "\n".join(lines) + "\n```"


ARM_TEMPLATE = Format(
    "arm",
    "ARM template",
    "json",
    "JSON that az, the Azure portal and pipelines deploy.",
    _piece,
    _whole,
    _steps,
    is_proved=True,
)
