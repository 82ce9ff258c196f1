"""Small readers of the files that create a namespace: ARM templates, shell scripts, Bicep and Terraform.

Each returns what the files create as `Made`, in an order in which it can be created. They read what the portal writes and no
more; anything else fails. They are written from the languages' documentation, not from the portal's code.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

NAMESPACE = "Microsoft.EventGrid/namespaces"


@dataclass(frozen=True)
class Made:
    """One resource: `step` is its path below the namespace, "" for the namespace itself; `body` is what is sent."""

    step: str
    api_version: str
    body: Mapping[str, Any]


# ARM templates


def arm_template(text: str) -> list[Made]:
    """Return the resources of a template in the order of `dependsOn`; what names nothing in it fails."""
    template = json.loads(text)
    assert template["$schema"].endswith("/2019-04-01/deploymentTemplate.json#")
    given = {name: _plain(each["defaultValue"]) for name, each in template["parameters"].items()}
    waiting = {}
    for each in template["resources"]:
        resource = _evaluated(each, given)
        waiting[_id(resource["type"], resource["name"].split("/"))] = resource
    assert len(waiting) == len(template["resources"])
    for resource in waiting.values():
        assert set(resource.get("dependsOn", ())) <= set(waiting)
    done: list[Made] = []
    ready: set[str] = set()
    while waiting:
        turn = [key for key, each in waiting.items() if set(each.get("dependsOn", ())) <= ready]
        assert turn, "the dependencies are a circle"
        for key in turn:
            resource = waiting.pop(key)
            ready.add(key)
            kinds, names = resource.pop("type").split("/")[2:], resource.pop("name").split("/")[1:]
            resource.pop("dependsOn", None)
            steps = "".join(f"/{kind}/{name}" for kind, name in zip(kinds, names, strict=True))
            done.append(Made(steps, resource.pop("apiVersion"), resource))
    return done


def _id(kind: str, names: Sequence[str]) -> str:
    return "/".join([kind, *names]).lower()


def _plain(value: Any) -> Any:
    """Return a text of a template without the bracket that escapes it."""
    if isinstance(value, str) and value.startswith("[["):
        return value[1:]
    return value


def _evaluated(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _evaluated(each, given) for key, each in value.items()}
    if isinstance(value, list):
        return [_evaluated(each, given) for each in value]
    if isinstance(value, str) and value.startswith("[") and value.endswith("]") and not value.startswith("[["):
        return _call(value[1:-1], given)
    return _plain(value)


def _call(expression: str, given: Mapping[str, str]) -> str:
    function, _, rest = expression.partition("(")
    if function == "parameters":
        return given[rest.removesuffix(")").strip("'")]
    assert function in {"concat", "resourceId"}, expression
    values = [
        given[name] if name else literal
        for name, literal in re.findall(r"parameters\('([^']+)'\)|'([^']*)'", rest.removesuffix(")"))
    ]
    return "".join(values) if function == "concat" else _id(values[0], values[1:])


# Scripts of az


def az_script(text: str, folder: Path) -> list[Made]:
    """Run the script with an `az` that keeps its arguments and the file that they name."""
    keep = folder / "kept"
    keep.mkdir()
    az = f"""
at=0
az() {{
  at=$((at + 1)); : > "{keep}/$at.arguments"
  for argument in "$@"; do
    printf '%s\\0' "$argument" >> "{keep}/$at.arguments"
    case "$argument" in @*) cp "${{argument#@}}" "{keep}/$at.json" ;; esac
  done
}}
"""
    first, rest = text.split("\n", 1)
    assert first == "#!/bin/sh"
    subprocess.run(["sh", "-c", az + rest], cwd=folder, check=True, timeout=60, env={"PATH": "/usr/bin:/bin"})
    count = len(list(keep.glob("*.arguments")))
    return [_az_call(keep, number) for number in range(1, count + 1)]


def _az_call(keep: Path, number: int) -> Made:
    verb, what, *rest = (keep / f"{number}.arguments").read_text().split("\0")[:-1]
    assert (verb, what) == ("resource", "create")
    is_whole = "--is-full-object" in rest
    rest = [each for each in rest if each != "--is-full-object"]
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    assert set(options) == {"--id", "--api-version", "--properties", "--output"}
    content = json.loads((keep / f"{number}.json").read_text())
    step = re.sub(r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/namespaces/[^/]+", "", options["--id"])
    return Made(step, options["--api-version"], content if is_whole else {"properties": content})


# Bicep

_TOKEN = re.compile(
    r"\s+|(?P<string>'(?:\\.|[^'\\])*')|(?P<number>-?[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[\[\]{}:=()])",
    re.DOTALL,
)
_BICEP = {"\\\\": "\\", "\\'": "'", "\\n": "\n", "\\r": "\r", "\\t": "\t", "\\$": "$"}


@dataclass(frozen=True)
class Symbol:
    name: str


class Bicep:
    """A file of Bicep: parameters with a default, and resources."""

    def __init__(self, text: str) -> None:
        self._tokens = list(self._split(text))
        self._at = 0
        self.given: dict[str, Any] = {}
        self.resources: dict[str, tuple[str, dict[str, Any], bool]] = {}
        while self._at < len(self._tokens):
            self._statement()

    @staticmethod
    def _split(text: str) -> Any:
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, text[at : at + 60]
            at = found.end()
            if found.lastgroup:
                yield found.lastgroup, found[0]

    def _next(self, *expected: str) -> str:
        _, text = self._tokens[self._at]
        assert not expected or text in expected, (text, expected)
        self._at += 1
        return str(text)

    def _peek(self) -> str:
        return str(self._tokens[self._at][1])

    def _statement(self) -> None:
        match self._next("targetScope", "param", "resource"):
            case "targetScope":
                self._next("=")
                assert self._value() == "resourceGroup"
            case "param":
                name = self._next()
                self._next("string")
                self._next("=")
                self.given[name] = self._value()
            case _:
                symbol, kind = self._next(), self._value()
                exists = self._peek() == "existing"
                if exists:
                    self._next()
                self._next("=")
                assert symbol not in self.resources
                self.resources[symbol] = (kind, self._value(), exists)

    def _value(self) -> Any:
        group, text = self._tokens[self._at]
        self._at += 1
        if group == "string":
            return re.sub(r"\\u\{([0-9a-f]+)\}|\\.", self._unescaped, text[1:-1])
        if group == "number":
            return int(text)
        if text in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[text]
        if text == "json":
            self._next("(")
            value = json.loads(self._value())
            self._next(")")
            return value
        if text == "{":
            return self._members()
        if text == "[":
            found = []
            while self._peek() != "]":
                found.append(self._value())
            self._next("]")
            return found
        assert group == "name", text
        return Symbol(text)

    def _members(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != "}":
            group, _ = self._tokens[self._at]
            key = self._value() if group == "string" else self._next()
            self._next(":")
            assert key not in found
            found[key] = self._value()
        self._next("}")
        return found

    @staticmethod
    def _unescaped(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _BICEP[found[0]]


def bicep(text: str) -> list[Made]:
    """Return the resources of a file; their parents and dependencies must be declared before them."""
    file = Bicep(text)
    done: list[Made] = []
    ready: set[str] = set()
    for symbol, (kind, declared, exists) in file.resources.items():
        body = dict(declared)
        type_of, _, version = kind.partition("@")
        name, parent = body.pop("name"), body.pop("parent", None)
        assert {each.name for each in body.pop("dependsOn", [])} <= ready
        ready.add(symbol)
        if exists:
            assert (type_of, name, body) == (NAMESPACE, Symbol("namespaceName"), {})
            continue
        if parent is None:
            assert (type_of, name) == (NAMESPACE, Symbol("namespaceName"))
            assert body["location"] == Symbol("location")
            done.append(Made("", version, body | {"location": file.given["location"]}))
        else:
            assert parent == Symbol("namespace")
            done.append(Made(f"/{type_of.removeprefix(NAMESPACE + '/')}/{name}", version, body))
    return done


# Terraform

_HCL = re.compile(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))|\$\$\{|%%\{", re.DOTALL)


def terraform(texts: Sequence[str]) -> list[Made]:
    """Return the resources of a module in the order of its files."""
    done, labels, variables = [], [], {}
    for text in texts:
        file = hcl2.loads(text)
        for each in file.get("variable", []):
            ((name, options),) = each.items()
            variables[_unquoted(name)] = _unquoted(options["default"])
        for each in file.get("resource", []):
            ((kind, named),) = each.items()
            assert _unquoted(kind) == "azapi_resource"
            ((label, options),) = named.items()
            labels.append(_unquoted(label))
            done.append(_of_terraform(_cleaned(options), labels, variables))
    assert len(set(labels)) == len(labels)
    return done


def _of_terraform(options: dict[str, Any], labels: Sequence[str], variables: Mapping[str, str]) -> Made:
    type_of, _, version = options.pop("type").partition("@")
    needed = [each.removeprefix("${").removesuffix("}") for each in options.pop("depends_on", [])]
    assert {each.removeprefix("azapi_resource.") for each in needed} <= set(labels)
    body = options.pop("body")
    options.pop("schema_validation_enabled", None)
    parent, name = options.pop("parent_id"), options.pop("name")
    if parent == "${azapi_resource.namespace.id}":
        assert options == {}
        return Made(f"/{type_of.removeprefix(NAMESPACE + '/')}/{name}", version, body)
    assert (type_of, parent, name) == (NAMESPACE, "${var.resource_group_id}", "${var.namespace_name}")
    assert options.pop("location") == "${var.location}"
    if identity := options.pop("identity", None):
        users: dict[str, Any] = {each: {} for each in identity[0].get("identity_ids", [])}
        options["identity"] = {"type": identity[0]["type"], **({"userAssignedIdentities": users} if users else {})}
    return Made("", version, {"location": variables["location"], **options, **body})


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {_unquoted(key): _cleaned(each) for key, each in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return _unquoted(value) if isinstance(value, str) else value


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return _HCL.sub(_of_hcl, text[1:-1])


def _of_hcl(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code:
        return chr(int(code, 16))
    if found[3]:
        return {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}[found[3]]
    return found[0][1:]
