"""The `az` commands for a namespace or a resource below one, in both families. Pure text.

`az resource …` is part of az and takes every API version. `az eventgrid namespace …` is an extension, which az installs
when it is first used.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from namespaces.pages import az_extension
from namespaces.pages.az_extension import ResourceId

CREATE = "Creates the resource, or replaces one of this name."
SHOW = "Prints the resource in Azure."
DELETE = "Deletes it in Azure, outside the portal."
NEW_NAMESPACE = (
    "Creates a namespace with these settings. For one that exists, use Update: this command would reset its identity,"
    " tags and routing."
)
PATCH_NAMESPACE = "Changes these settings and keeps all others, such as identity, tags and routing."
WITHOUT_WEBHOOK = " The webhook is left out: it needs the identity of a namespace that exists."
UNKNOWN_WEBHOOK = " This API version does not know custom webhook authentication: use az resource for that."
AZURE_DECIDES = (
    "Removes custom webhook authentication: Azure then decides about each CONNECT by itself. Writes the whole namespace, with"
    " everything that Azure holds of it now."
)
WITH_EVERYTHING = "Deletes the namespace in Azure with everything in it."


@dataclass(frozen=True)
class Command:
    title: str
    sentence: str
    text: str


@dataclass(frozen=True)
class Family:
    """Commands of one kind; `key` is its anchor on the page."""

    key: str
    title: str
    sentence: str
    commands: tuple[Command, ...]


def az_commands(arm_id: str, body: Mapping[str, Any], api_version: str) -> tuple[Family, ...]:
    """Return both families for a resource below a namespace. `body` holds its properties as the portal sends them."""
    target = ResourceId.of(arm_id)
    properties = {key: value for key, value in body.items() if value is not None}
    written = _file(f"{target.name}.json", properties)
    new, at = _targets(arm_id, api_version)
    collection = f"{arm_id.rpartition('/')[0]}?api-version={api_version}"
    resource = (
        Command("Create", CREATE, f"{written}\naz resource create {new} --properties @{_quoted(target.name, '.json')}"),
        Command("Show", SHOW, f"az resource show {at}"),
        Command("List", "Prints all of its kind.", f"az rest --method get --url {shlex.quote(collection)}"),
        Command("Update", "Changes one property and keeps the others.", _set_description(at, body)),
        Command("Delete", DELETE, f"az resource delete {at}"),
    )
    extension = (
        Command("Create", CREATE, az_extension.create_command(target, body)),
        Command("Show", SHOW, f"{target.command} show {target.options()}"),
        Command("List", "Prints all of its kind.", f"{target.command} list {target.list_options()}"),
        Command(
            "Update",
            "Changes what can be changed, and clears what is empty.",
            az_extension.update_command(target, body),
        ),
        Command("Delete", f"{DELETE} az asks first.", f"{target.command} delete {target.options()}"),
    )
    return _families(resource, extension)


def namespace_commands(
    arm_id: str, location: str, body: Mapping[str, Any], api_version: str, whole: Mapping[str, Any] | None = None
) -> tuple[Family, ...]:
    """Return both families for a namespace. `body` holds its `topicSpacesConfiguration` as the portal sends it.

    `whole`: the namespace as Azure holds it, for the command that removes its webhook.
    """
    target = ResourceId.of(arm_id)
    new, at = _targets(arm_id, api_version)
    file = _quoted(target.namespace, ".json")
    group = f"--resource-group {shlex.quote(target.group)} --subscription {shlex.quote(target.subscription)}"
    created = without_webhook({"location": location, "properties": body})
    note = WITHOUT_WEBHOOK if has_webhook(body) else ""
    new_file = _file(f"{target.namespace}.json", created)
    changed = _file(f"{target.namespace}.json", body)
    resource = (
        Command(
            "Create",
            NEW_NAMESPACE + note,
            f"{new_file}\naz resource create {new} --is-full-object --properties @{file}",
        ),
        Command("Show", SHOW, f"az resource show {at}"),
        Command(
            "List",
            "Prints the namespaces of the resource group.",
            f"az resource list {group} --resource-type Microsoft.EventGrid/namespaces",
        ),
        Command("Update", PATCH_NAMESPACE, f"{changed}\naz resource patch {at} --properties @{file}"),
        *((azure_decides_command(arm_id, whole, api_version),) if whole is not None and has_webhook(body) else ()),
        Command("Delete", WITH_EVERYTHING, f"az resource delete {at}"),
    )
    note = UNKNOWN_WEBHOOK if has_webhook(body) else ""
    configuration = body["topicSpacesConfiguration"]
    extension = (
        Command("Create", NEW_NAMESPACE, az_extension.create_namespace_command(target, location, configuration)),
        Command("Show", SHOW, f"{target.command} show {target.options()}"),
        Command(
            "List", "Prints the namespaces of the resource group.", f"{target.command} list {target.list_options()}"
        ),
        Command("Update", PATCH_NAMESPACE + note, az_extension.update_namespace_command(target, configuration)),
        Command("Delete", f"{WITH_EVERYTHING} az asks first.", f"{target.command} delete {target.options()}"),
    )
    return _families(resource, extension)


def azure_decides_command(arm_id: str, whole: Mapping[str, Any], api_version: str) -> Command:
    """Return the full PUT that removes custom webhook authentication, which works where a PATCH with `null` would not."""
    name = f"{ResourceId.of(arm_id).namespace}-azure-decides.json"
    new, _ = _targets(arm_id, api_version)
    text = f"{_file(name, without_webhook(whole))}\naz resource create {new} --is-full-object --properties @{shlex.quote(name)}"
    return Command("Let Azure decide", AZURE_DECIDES, text)


def has_webhook(body: Mapping[str, Any]) -> bool:
    """Return whether these properties of a namespace have custom webhook authentication."""
    return bool((body["topicSpacesConfiguration"].get("clientAuthentication") or {}).get("webhookAuthentication"))


def without_webhook(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return a namespace without custom webhook authentication, in either spelling."""
    properties = dict(whole.get("properties") or {})
    broker = dict(properties.get("topicSpacesConfiguration") or {})
    held = broker.get("clientAuthentication") or {}
    kept = {key: value for key, value in held.items() if key.lower() != "webhookauthentication"}
    broker.pop("clientAuthentication", None)
    properties["topicSpacesConfiguration"] = broker | ({"clientAuthentication": kept} if kept else {})
    return {**whole, "properties": properties}


def _families(resource: tuple[Command, ...], extension: tuple[Command, ...]) -> tuple[Family, ...]:
    return (
        Family("az-resource", "az resource", "Part of az, for every API version.", resource),
        Family(
            "az-eventgrid",
            "az eventgrid namespace",
            "The extension eventgrid, which az installs when it is first used. It uses API version 2023-06-01-preview.",
            extension,
        ),
    )


def _targets(arm_id: str, api_version: str) -> tuple[str, str]:
    """Return the options that name a resource: to create it, and for every other command."""
    rest = f"{shlex.quote(arm_id)} --api-version {api_version}"
    return f"--id {rest}", f"--ids {rest}"


def _quoted(name: str, ending: str) -> str:
    return shlex.quote(name + ending)


def _file(name: str, content: Mapping[str, Any]) -> str:
    """Return the lines that write a file. JSON in ASCII has no line that could end it early."""
    return f"cat > {shlex.quote(name)} <<'JSON'\n{json.dumps(content, indent=2)}\nJSON"


def _set_description(at: str, body: Mapping[str, Any]) -> str:
    # As JSON: az would read other text such as 5 as a number.
    return f"az resource update {at} --set properties.description={shlex.quote(json.dumps(body.get('description')))}"
