"""`python -m emulator`: ARM over HTTPS and one MQTT endpoint per namespace, with its own durable store."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from emulator.fault_rules import Fault, FaultError
from emulator.mqtt.options import add_mqtt_arguments, mqtt_options, switch

PROGRAM = "eventgrid-emulator"
STATE = ".local/emulator"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    environment = os.environ
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A stand-in for Azure: Event Grid namespaces over ARM and MQTT, on this machine.",
        epilog="Each option can also be set in the environment: EMULATOR_STATE for --state, and so on.",
    )

    def option(name: str, default: str, explanation: str, kind: type = str) -> None:
        variable = "EMULATOR_" + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", type=kind, default=environment.get(variable) or default, help=explanation, metavar="VALUE"
        )

    option("state", "", f"folder for its data, certificates and credentials ({STATE})", Path)
    option("host", "127.0.0.1", "address to listen on; anything but loopback lets others in")
    option("host-name", "", "more names that the server certificate carries, with commas between")
    option("port", "8443", "port of the ARM endpoint; 0 takes any free one", int)
    option(
        "mqtt-port-base", "8883", "first port for MQTT endpoints, the next free one each; 0 takes any free ones", int
    )
    option("ready-file", "", "JSON file to write when everything listens: addresses and credentials", Path)
    option("env-file", "", "shell file to write when everything listens: what az and azure-identity read", Path)
    option("seed", "", "JSON file of resources to start with", Path)
    option("subscription", "", "id of the subscription that is there from the start (made once in the state folder)")
    option("tenant", "", "id of the tenant (made once)")
    option("client-id", "", "client id of the service principal (made once)")
    option("client-secret", "", "its secret; better given as EMULATOR_CLIENT_SECRET (made once)")
    option("log-level", "info", "debug, info, warning or error")
    option("parent-fd", "", "file descriptor of a pipe: end when its other side is closed")
    option("ca-certificate-limit", "10", "CA certificates per namespace", int)
    option("client-limit", "10000", "clients per namespace and throughput unit", int)
    parser.add_argument(
        "--throttle",
        action="store_true",
        default=switch(parser, environment, "EMULATOR_THROTTLE", default=False),
        help="answer 429 beyond ARM's limits of reads, writes and deletes",
    )
    parser.add_argument(
        "--in-memory",
        action="store_true",
        default=switch(parser, environment, "EMULATOR_IN_MEMORY", default=False),
        help="forget resources and connections at the end; without --state also certificates and credentials",
    )
    parser.add_argument(
        "--fault",
        action="append",
        metavar="FAULT",
        help="a fault from the start, such as latency,seconds=0.2 or error,status=503,rate=0.1; may be given several"
        " times (in EMULATOR_FAULT with ';' between)",
    )
    add_mqtt_arguments(parser, environment)
    found = parser.parse_args(arguments)
    for name in ("state", "ready_file", "env_file", "seed"):
        path = getattr(found, name)
        setattr(found, name, path.absolute() if path != Path() else None)
    if found.state is None and not found.in_memory:
        found.state = Path(STATE).absolute()
    found.host_name = tuple(name.strip() for name in found.host_name.split(",") if name.strip())
    if found.log_level.upper() not in LOG_LEVELS:
        parser.error("--log-level must be debug, info, warning or error")
    for name in ("subscription", "tenant", "client_id"):
        if getattr(found, name) and not GUID.fullmatch(getattr(found, name)):
            parser.error(f"--{name.replace('_', '-')} must be a GUID, such as 00000000-0000-0000-0000-000000000001")
    given = found.fault or (environment.get("EMULATOR_FAULT") or "").split(";")
    try:
        found.fault = tuple(Fault.parse(text) for text in given if text.strip())
    except FaultError as error:
        parser.error(f"--fault: {error}")
    for name in ("port", "mqtt_port_base"):
        if not 0 <= getattr(found, name) <= 65535:
            parser.error(f"--{name.replace('_', '-')} must be from 0 to 65535")
    try:
        mqtt_options(found)
    except ValueError as error:
        parser.error(str(error))
    for name in ("ca_certificate_limit", "client_limit"):
        if getattr(found, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if found.parent_fd and not found.parent_fd.isdigit():
        parser.error("--parent-fd must be the number of an open file descriptor")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until SIGINT, SIGTERM or the end of the parent; the answer is the exit status."""
    options = parse_arguments(arguments)
    import asyncio

    from emulator.arm.seed import SeedError
    from emulator.authority import AuthorityError
    from emulator.log import log_to_terminal
    from emulator.server import StartError, run

    log_to_terminal(options.log_level.upper())
    try:
        asyncio.run(run(options))
    except (AuthorityError, SeedError, StartError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201  the terminal is where this is read
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
