"""Every limit of the ARM endpoint on connections and requests, in one place. They protect this process.

Quotas and rate limits, which Azure has too, are options of the emulator (`--client-limit`, `--throttle`).
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields

MAX_BODY_BYTES = 4 * 1024 * 1024  # the limit of ARM
MAX_SIGN_IN_BYTES = 65_536  # a request for a token, whose sender is not yet known
MAX_LINE_BYTES = 8_190  # of the request line, and of each header
MAX_HEADERS = 100
MAX_DESCRIPTION_CHARACTERS = 16_384  # of a resource; Azure documents no limit
MAX_OPEN_HANDSHAKES = 500  # a new one then replaces the oldest
HANDSHAKE_SECONDS = 15.0
STALL_SECONDS = 30.0  # without one byte of a response being taken


@dataclass(frozen=True)
class ArmLimits:
    """The limits that are options. Seconds are for: the head of the first request, all of a body, and until the next
    request of a kept connection is complete up to its body.
    """

    connections: int = 1_000
    head_seconds: float = 15.0
    body_seconds: float = 60.0
    idle_seconds: float = 120.0


HELP = {
    "connections": "connections to the ARM endpoint at once; one more is closed before TLS",
    "head_seconds": "seconds for TLS and the head of the first request of a connection",
    "body_seconds": "seconds for the body of a request",
    "idle_seconds": "seconds that a kept connection waits for the next request",
}


def add_arm_arguments(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """The options `--arm-connections`, `--arm-head-seconds`, …, each also in the environment."""
    for field in fields(ArmLimits):
        name = f"arm-{field.name.replace('_', '-')}"
        variable = f"EMULATOR_{name.upper().replace('-', '_')}"
        parser.add_argument(
            f"--{name}",
            type=type(field.default),
            default=environment.get(variable) or str(field.default),  # text, which argparse converts
            metavar="VALUE",
            help=HELP[field.name],
        )


def arm_limits(found: argparse.Namespace) -> ArmLimits:
    """Return the parsed options. Raises `ValueError` with a sentence for an invalid one."""
    limits = ArmLimits(**{field.name: getattr(found, f"arm_{field.name}") for field in fields(ArmLimits)})
    for field in fields(ArmLimits):
        if not 0 < getattr(limits, field.name) <= 1_000_000:
            raise ValueError(f"--arm-{field.name.replace('_', '-')} must be greater than 0, and at most 1000000")
    return limits
