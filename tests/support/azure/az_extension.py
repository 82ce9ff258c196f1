"""What `az eventgrid namespace …` sends: a model of the extension, written from its published arguments.

The shorthand of az: https://github.com/Azure/azure-cli/blob/dev/doc/shorthand_syntax.md. Only what the portal's commands use
is modelled; anything else fails.
"""

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

VERSION = "2023-06-01-preview"
SEGMENTS = {
    "ca-certificate": "caCertificates",
    "client": "clients",
    "client-group": "clientGroups",
    "topic-space": "topicSpaces",
    "permission-binding": "permissionBindings",
}
PARTIAL = re.compile(r"([A-Za-z0-9.-]+)=(.*)", re.DOTALL)


def calls_of(script: str, folder: Path) -> list[list[str]]:
    """Run a shell script with an `az` that does nothing. Return the arguments of each call."""
    told = folder / "told"
    told.unlink(missing_ok=True)
    az = f'az() {{ printf "%s\\0" "$@" >> {told}; printf "\\n\\n" >> {told}; }}\n'
    subprocess.run(["sh", "-c", az + script], cwd=folder, check=True, timeout=120)
    return [call.split("\0") for call in told.read_text(encoding="utf-8").split("\0\n\n")[:-1]]


# Values


def text(value: str, folder: Path) -> Any:
    """Read the value of an option that takes text."""
    assert not value.startswith(("@", "-")), "az would read a file or another option"
    assert value != "??", "az would print help"
    if value == "null":
        return None
    return unquoted(value) if value.startswith("'") else value


def unquoted(value: str) -> str:
    found, rest = _quoted(value)
    assert rest == ""
    return found


def _quoted(value: str) -> tuple[str, str]:
    found, at = "", 1
    while value[at] != "'" or value[at + 1 : at + 2] == "/":
        if value[at] == "'":
            found, at = found + "'", at + 2
        else:
            found, at = found + value[at], at + 1
    return found, value[at + 1 :]


def shorthand(value: str) -> Any:
    """Read an object, a list or text in az's shorthand."""
    found, rest = _value(value)
    assert rest == "", rest
    return found


def _value(value: str) -> tuple[Any, str]:
    if value.startswith("{"):
        return _members(value[1:])
    if value.startswith("["):
        return _items(value[1:])
    if value.startswith("'"):
        return _quoted(value)
    match = re.match(r"[^,:\]}\s\"']+", value)
    assert match, f"az cannot read {value!r}"
    return None if match[0] == "null" else match[0], value[match.end() :]


def _members(value: str) -> tuple[dict[str, Any], str]:
    found: dict[str, Any] = {}
    while not value.startswith("}"):
        name, _, value = value.partition(":")
        found[name], value = _value(value)
        value = value.removeprefix(",")
    return found, value[1:]


def _items(value: str) -> tuple[list[Any], str]:
    found: list[Any] = []
    while not value.startswith("]"):
        item, value = _value(value)
        found.append(item)
        value = value.removeprefix(",")
    return found, value[1:]


def camel(value: Any) -> Any:
    """Return an object with the names that Azure uses: `validation-scheme` is `validationScheme`."""
    if isinstance(value, dict):
        return {re.sub(r"-(\w)", lambda m: m[1].upper(), name): camel(each) for name, each in value.items()}
    if isinstance(value, list):
        return [camel(each) for each in value]
    return value


def freeform(value: str, folder: Path) -> Any:
    return json.loads(value)


def file(value: str, folder: Path) -> str:
    return (folder / value).read_text(encoding="utf-8")


def objects(value: str, folder: Path) -> Any:
    return camel(shorthand(value)) if value.startswith("{") else shorthand(value)


OPTIONS: dict[str, tuple[str, Callable[[str, Path], Any]]] = {
    "--certificate": ("encodedCertificate", file),
    "--description": ("description", text),
    "--authentication-name": ("authenticationName", text),
    "--client-certificate-authentication": ("clientCertificateAuthentication", objects),
    "--state": ("state", text),
    "--attributes": ("attributes", freeform),
    "--group-query": ("query", text),
    "--topic-templates": ("topicTemplates", objects),
    "--client-group-name": ("clientGroupName", text),
    "--topic-space-name": ("topicSpaceName", text),
    "--permission": ("permission", text),
}


class Command:
    """One call of `az eventgrid namespace …`: its verb, the id of its resource, and the properties it sets."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        assert list(arguments[:2]) == ["eventgrid", "namespace"]
        words = list(arguments[2:])
        self.segment = SEGMENTS[words.pop(0)] if words[0] in SEGMENTS else ""
        self.verb = words.pop(0)
        given = options_of(words)
        where = f"/subscriptions/{given.pop('--subscription')[0]}/resourceGroups/{given.pop('--resource-group')[0]}"
        self.collection = f"{where}/providers/Microsoft.EventGrid/namespaces"
        if self.segment:
            self.collection += f"/{given.pop('--namespace-name')[0]}/{self.segment}"
        self.id = f"{self.collection}/{given.pop('--name')[0]}" if self.verb != "list" else ""
        self.location = given.pop("--location", [""])[0]
        self.settings = given.pop("--topic-spaces-configuration", [])
        self.properties: dict[str, Any] = {}
        for option, values in given.items():
            name, read = OPTIONS[option]
            assert len(values) == 1
            self.properties[name] = read(values[0], folder)

    def configuration(self) -> dict[str, Any]:
        """Return the `topicSpacesConfiguration` of a create command."""
        assert len(self.settings) == 1
        found: dict[str, Any] = camel(shorthand(self.settings[0]))
        return {name: typed(name, value) for name, value in found.items()}

    def changed_configuration(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return `topicSpacesConfiguration` after an update, which sets the named members only."""
        after: dict[str, Any] = json.loads(json.dumps(before))
        for each in self.settings:
            match = PARTIAL.fullmatch(each)
            assert match, each
            *path, last = next(iter(camel({match[1].replace(".", "/"): None}))).split("/")
            holder = after
            for step in path:
                holder = holder.setdefault(step, {})
            holder[last] = typed(last, shorthand(match[2]))
        return after


def typed(name: str, value: Any) -> Any:
    """Return a setting of the MQTT broker as its argument's type has it."""
    return int(value) if name.startswith("maximum") else value


def options_of(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            assert word not in found
            values = found[word] = []
        else:
            values.append(word)
    return found
