"""The command line of the emulator. Each option can also be set by an environment variable."""

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.arm.limits import add_arm_arguments, arm_limits
from emulator.events.options import add_event_arguments, event_options
from emulator.fault_rules import Fault, FaultError
from emulator.mqtt.options import add_mqtt_arguments, mqtt_options, switch
from emulator.profile import NEWEST, PROFILES

PROGRAM = "eventgrid-emulator"
STATE = ".local/emulator"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)

# name, default, type, help
OPTIONS: tuple[tuple[str, str, type, str], ...] = (
    ("state", "", Path, f"folder for data, certificates and credentials ({STATE})"),
    ("host", "127.0.0.1", str, "address to listen on; on any but loopback, other machines can connect"),
    (
        "mqtt-host",
        "",
        str,
        "host of the MQTT endpoints alone, in their certificate too; with --host 0.0.0.0 only their name (default: --host)",
    ),
    ("host-name", "", str, "additional names for the server certificate, separated by commas"),
    ("port", "8443", int, "port of the ARM endpoint; 0: any free port"),
    ("mqtt-port-base", "8883", int, "first port for MQTT endpoints, each takes the next free one; 0: any free ports"),
    ("ready-file", "", Path, "JSON file with addresses and credentials, written when all endpoints listen"),
    ("endpoints-file", "", Path, "JSON file of the MQTT endpoints, kept up to date, for the portal's MQTT_ENDPOINTS"),
    ("env-file", "", Path, "shell file with variables for az and azure-identity, written when all endpoints listen"),
    ("seed", "", Path, "JSON file of resources to create at the start"),
    ("subscription", "", str, "id of the first subscription (default: generated once per state folder)"),
    ("tenant", "", str, "id of the tenant (default: generated once)"),
    ("client-id", "", str, "client id of the service principal (default: generated once)"),
    ("client-secret", "", str, "its secret; prefer EMULATOR_CLIENT_SECRET (default: generated once)"),
    ("azure", NEWEST.name, str, f"behave as Azure did at this time: {', '.join(PROFILES)}"),
    ("log-level", "info", str, "debug, info, warning or error"),
    ("parent-fd", "", str, "file descriptor of a pipe: stop when its other end is closed"),
    ("ca-certificate-limit", "10", int, "CA certificates per namespace"),
    ("client-limit", "10000", int, "clients per namespace and throughput unit"),
)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, validated. Exit with status 2 and a message if one is not valid.

    Paths are absolute, or None if not given. `host_name` and `fault` are tuples, `azure` is a profile.
    """
    environment = os.environ
    parser = _parser(environment)
    found = parser.parse_args(arguments)
    for name in ("state", "ready_file", "endpoints_file", "env_file", "seed"):
        path = getattr(found, name)
        setattr(found, name, path.absolute() if path != Path() else None)
    if found.state is None and not found.in_memory:
        found.state = Path(STATE).absolute()
    found.host_name = tuple(name.strip() for name in found.host_name.split(",") if name.strip())
    faults = found.fault or (environment.get("EMULATOR_FAULT") or "").split(";")
    try:
        found.fault = tuple(Fault.parse(text) for text in faults if text.strip())
    except FaultError as error:
        parser.error(f"--fault: {error}")
    if found.azure not in PROFILES:
        parser.error(f"--azure must be one of: {', '.join(PROFILES)}")
    found.azure = PROFILES[found.azure]
    _validate(parser, found)
    return found


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A local stand-in for Azure Event Grid namespaces: ARM over HTTPS, and MQTT.",
        epilog="Each option can also be set by an environment variable, such as EMULATOR_STATE for --state.",
    )
    for name, default, kind, explanation in OPTIONS:
        variable = "EMULATOR_" + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", type=kind, default=environment.get(variable) or default, help=explanation, metavar="VALUE"
        )
    parser.add_argument(
        "--throttle",
        action="store_true",
        default=switch(parser, environment, "EMULATOR_THROTTLE", default=False),
        help="enforce ARM's limits of reads, writes and deletes with status 429",
    )
    parser.add_argument(
        "--in-memory",
        action="store_true",
        default=switch(parser, environment, "EMULATOR_IN_MEMORY", default=False),
        help="do not keep resources and connection log; without --state, also no certificates and credentials",
    )
    parser.add_argument(
        "--fault",
        action="append",
        metavar="FAULT",
        help="a fault from the start, such as latency,seconds=0.2 or error,status=503,rate=0.1; can be given more than"
        " once (in EMULATOR_FAULT: separated by ';')",
    )
    add_arm_arguments(parser, environment)
    add_mqtt_arguments(parser, environment)
    add_event_arguments(parser, environment)
    return parser


def _validate(parser: argparse.ArgumentParser, found: argparse.Namespace) -> None:
    def option(name: str) -> str:
        return "--" + name.replace("_", "-")

    if found.log_level.upper() not in LOG_LEVELS:
        parser.error("--log-level must be debug, info, warning or error")
    for name in ("subscription", "tenant", "client_id"):
        if getattr(found, name) and not GUID.fullmatch(getattr(found, name)):
            parser.error(f"{option(name)} must be a GUID, such as 00000000-0000-0000-0000-000000000001")
    for name in ("port", "mqtt_port_base"):
        if not 0 <= getattr(found, name) <= 65535:
            parser.error(f"{option(name)} must be from 0 to 65535")
    for name in ("ca_certificate_limit", "client_limit"):
        if getattr(found, name) < 1:
            parser.error(f"{option(name)} must be at least 1")
    if found.parent_fd and not found.parent_fd.isdigit():
        parser.error("--parent-fd must be the number of an open file descriptor")
    try:
        arm_limits(found)
        mqtt_options(found)
        found.events = event_options(found, os.environ)
    except ValueError as error:
        parser.error(str(error))
