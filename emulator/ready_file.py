"""The files that the emulator writes when all endpoints listen: the ready file (JSON) and the env file (shell)."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator.authority import Authority, write_private
from emulator.credentials import Credentials

FEDERATED_TOKEN = "federated-token"  # noqa: S105  the name of the token file of a workload identity


def advertised_host(host: str, host_names: Sequence[str]) -> str:
    """Return the host name for clients, which is in the server certificate. `host` is the address the emulator listens on."""
    if host_names:
        return host_names[0]
    return "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound


def url_of(host: str, port: int) -> str:
    """Return the URL of the ARM endpoint; IPv6 addresses are put in brackets."""
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def ready_content(
    url: str, authority: Authority, credentials: Credentials, by_name: tuple[str, int] | None, *, azure_profile: str
) -> dict[str, Any]:
    """Return the JSON of the ready file. `by_name` is host and port of the MQTT listener for all namespaces."""
    content: dict[str, Any] = {
        "arm": url,
        "arm_ca": str(authority.ca_path),
        "tenant": credentials.tenant,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "subscription": credentials.subscription,
        "object_id": credentials.object_id,
        "identity_endpoint": f"{url}/msi/token",
        "identity_header": credentials.identity_header,
        "federated_token_file": str(authority.ca_path.parent / FEDERATED_TOKEN),
        "azure_profile": azure_profile,
        "pid": os.getpid(),
    }
    if by_name is not None:  # one MQTT port for all namespaces, selected by host name
        content["mqtt_by_name"] = {"host": by_name[0], "port": by_name[1]}
    return content


def mqtt_content(endpoints: Mapping[str, tuple[str, int]], ca: str) -> dict[str, Any]:
    """Return host, port and CA file of each MQTT endpoint by namespace id, as the control API and `--endpoints-file` have them."""
    return {
        namespace_id: {
            "host": host,
            "port": port,
            "ca": ca,
            "http": f"https://{f'[{host}]' if ':' in host else host}:{port}/mqtt",
        }
        for namespace_id, (host, port) in endpoints.items()
    }


def env_file_lines(url: str, authority: Authority, credentials: Credentials) -> str:
    """Return `NAME=value` lines for a shell, a CI job or a container, with the variables that Azure's tools read."""
    values = {
        "ARM_ENDPOINT": url,
        "REQUESTS_CA_BUNDLE": str(authority.ca_path),
        "SSL_CERT_FILE": str(authority.ca_path),
        "NODE_EXTRA_CA_CERTS": str(authority.ca_path),
        "AZURE_AUTHORITY_HOST": url,
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_TENANT_ID": credentials.tenant,
        "AZURE_CLIENT_ID": credentials.client_id,
        "AZURE_CLIENT_SECRET": credentials.client_secret,
        "AZURE_SUBSCRIPTION_ID": credentials.subscription,
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file with secrets atomically, readable by its owner only, and create its folder. Raise `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, content)
