"""`az eventgrid namespace …` for one resource: the commands of the extension `eventgrid`, filled in. Pure text.

The extension sends API version 2023-06-01-preview. Its values are written in the shorthand of az, where a text in single
quotes is taken as it is, and `null` clears a property.

Source: https://learn.microsoft.com/cli/azure/eventgrid/namespace and
https://github.com/Azure/azure-cli/blob/dev/doc/shorthand_syntax.md
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GROUPS = {
    "caCertificates": "ca-certificate",
    "clients": "client",
    "clientGroups": "client-group",
    "topicSpaces": "topic-space",
    "permissionBindings": "permission-binding",
}
FIXED = frozenset({"--authentication-name"})  # an update does not have it
PLAIN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
Arguments = Mapping[str, str | None]  # the value of each option as az reads it; None for an empty one


@dataclass(frozen=True)
class ResourceId:
    """The parts of the id of a namespace, or of a resource below one."""

    subscription: str
    group: str
    namespace: str
    segment: str = ""
    name: str = ""

    @classmethod
    def of(cls, arm_id: str) -> "ResourceId":
        steps = arm_id.split("/")
        return cls(steps[2], steps[4], steps[8], *steps[9:11])

    def options(self) -> str:
        """Return the options that say where the resource is."""
        where = {"--subscription": self.subscription, "--resource-group": self.group}
        named = {"--namespace-name": self.namespace, "--name": self.name} if self.name else {"--name": self.namespace}
        return written(where | named)

    def list_options(self) -> str:
        where = {"--subscription": self.subscription, "--resource-group": self.group}
        return written(where | ({"--namespace-name": self.namespace} if self.name else {}))

    @property
    def command(self) -> str:
        group = GROUPS[self.segment] + " " if self.name else ""
        return f"az eventgrid namespace {group}".rstrip()


def shell_word(value: str) -> str:
    """Return text as one word of a POSIX shell. What cannot be seen is written as octal bytes."""
    if all(each.isprintable() for each in value):
        return shlex.quote(value)
    safe = "".join(each if each.isprintable() and each not in "'\\%" else _octal(each) for each in value)
    return f"\"$(printf '{safe}')\""


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass"))


def quoted(text: str) -> str:
    """Return text in the single quotes of az's shorthand."""
    return "'" + text.replace("'", "'/") + "'"


def text_value(text: str) -> str:
    """Return text as the value of an option. Quotes keep it text where az would read a file, `null` or another option."""
    is_special = text[:1] in ("@", "'", "-") or text in ("null", "??") or text != text.rstrip("\n")
    return quoted(text) if is_special else text


def shorthand(value: object) -> str:
    """Return an object, a list, a number or text in az's shorthand."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{shorthand(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(shorthand, value)) + "]"
    text = str(value)
    return text if PLAIN.fullmatch(text) and text != "null" else quoted(text)


def written(arguments: Arguments) -> str:
    """Return options and values for a shell; those without a value are left out."""
    return " ".join(f"{option} {shell_word(value)}" for option, value in arguments.items() if value is not None)


def arguments_of(target: ResourceId, body: Mapping[str, Any]) -> Arguments:
    """Return the options that give a resource below a namespace this body."""
    arguments: dict[str, str | None] = {}
    if target.segment == "caCertificates":
        arguments["--certificate"] = certificate_file(target) if body.get("encodedCertificate") else None
    elif target.segment == "clients":
        arguments |= _client_arguments(body)
    elif target.segment == "clientGroups":
        arguments["--group-query"] = text_value(str(body["query"]))
    elif target.segment == "topicSpaces":
        arguments["--topic-templates"] = shorthand(list(body["topicTemplates"]))
    else:
        names = {"--client-group-name": "clientGroupName", "--topic-space-name": "topicSpaceName"}
        arguments |= {option: text_value(str(body[key])) for option, key in names.items()}
        arguments["--permission"] = str(body["permission"])
    description = body.get("description")
    return arguments | {"--description": text_value(description) if description else None}


def _client_arguments(body: Mapping[str, Any]) -> Arguments:
    authentication = body["clientCertificateAuthentication"]
    names = {"validationScheme": "validation-scheme", "allowedThumbprints": "allowed-thumbprints"}
    attributes = body.get("attributes")
    return {
        "--authentication-name": text_value(str(body["authenticationName"])),
        "--client-certificate-authentication": shorthand(
            {names[key]: value for key, value in authentication.items() if value}
        ),
        "--state": str(body["state"]),
        "--attributes": json.dumps(attributes) if attributes else None,
    }


def certificate_file(target: ResourceId) -> str:
    """Return the name of the file that `--certificate` reads."""
    return f"{target.name}.pem"


def create_command(target: ResourceId, body: Mapping[str, Any]) -> str:
    """Return the command that creates the resource, or replaces it as a whole."""
    return (
        f"{_file_first(target, body)}{target.command} create {target.options()} {written(arguments_of(target, body))}"
    )


def update_command(target: ResourceId, body: Mapping[str, Any]) -> str:
    """Return the command that changes what can be changed; what is empty is cleared."""
    changed = {
        option: "null" if value is None else value
        for option, value in arguments_of(target, body).items()
        if option not in FIXED
    }
    return f"{_file_first(target, body)}{target.command} update {target.options()} {written(changed)}"


def _file_first(target: ResourceId, body: Mapping[str, Any]) -> str:
    """Return the line that writes the file which the command reads. Without line breaks at its end, Azure has it so too."""
    certificate = body.get("encodedCertificate")
    if target.segment != "caCertificates" or not certificate:
        return ""
    return f"printf %s {shell_word(str(certificate))} > {shell_word(certificate_file(target))}\n"


# A namespace

SETTINGS = {
    "state": "state",
    "maximumSessionExpiryInHours": "maximum-session-expiry-in-hours",
    "maximumClientSessionsPerAuthenticationName": "maximum-client-sessions-per-authentication-name",
}
SOURCES = "alternative-authentication-name-sources"


def create_namespace_command(target: ResourceId, location: str, configuration: Mapping[str, Any]) -> str:
    """Return the command that creates the namespace with these settings of its MQTT broker."""
    settings: dict[str, Any] = {short: configuration[name] for name, short in SETTINGS.items()}
    sources = _sources(configuration)
    if sources:
        settings["client-authentication"] = {SOURCES: sources}
    options = written({"--location": location, "--topic-spaces-configuration": shorthand(settings)})
    return f"{target.command} create {target.options()} {options}"


def update_namespace_command(target: ResourceId, configuration: Mapping[str, Any]) -> str:
    """Return the command that changes these settings and keeps all others, such as routing."""
    settings = [f"{short}={shorthand(configuration[name])}" for name, short in SETTINGS.items()]
    settings.append(f"client-authentication.{SOURCES}={shorthand(_sources(configuration))}")
    words = " ".join(map(shell_word, settings))
    return f"{target.command} update {target.options()} --topic-spaces-configuration {words}"


def _sources(configuration: Mapping[str, Any]) -> list[str]:
    return list((configuration.get("clientAuthentication") or {}).get("alternativeAuthenticationNameSources") or ())
