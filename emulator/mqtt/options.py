"""Options of the MQTT endpoints when the emulator starts."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from emulator.arm.faults.webhook_orders import ORDERS, WEBHOOK_ONLY
from emulator.mqtt.webhook.settings import ANSWER_SECONDS
from emulator.profile import NEWEST, AzureProfile

_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class MqttOptions:
    """`port_base`: port of the first namespace, 0 = any free ones. `sni_port`: one port for all namespaces, chosen by
    the host name that a client names in TLS; None = no such port, 0 = any free one.

    `open_topics`, `end_sessions` and `ip_rules` are policy: see docs/policy.md. `azure`: what Event Grid did at a point in
    time. `connects_per_second` of one session; None = as Azure did, 0 = no limit.
    """

    port_base: int = 0
    sni_port: int | None = None
    open_topics: bool = True
    end_sessions: bool = True
    azure: AzureProfile = NEWEST
    ip_rules: bool = True
    connects_per_second: int | None = None

    @property
    def connects_each_second(self) -> int:
        """The CONNECTs that one session may send each second; 0 = no limit."""
        return self.azure.connects_per_second if self.connects_per_second is None else self.connects_per_second


def add_mqtt_arguments(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """The options of MQTT, each also in the environment."""
    parser.add_argument(
        "--mqtt-sni-port",
        type=int,
        default=environment.get("EMULATOR_MQTT_SNI_PORT") or None,  # text, which argparse converts
        metavar="VALUE",
        help="one more port for all namespaces, distinguished by the host name in TLS (SNI); 0 takes any free one",
    )
    parser.add_argument(
        "--open-topics",
        action=argparse.BooleanOptionalAction,
        default=switch(parser, environment, "EMULATOR_OPEN_TOPICS", default=True),
        help="let clients publish and subscribe anywhere while their namespace has no topic space and no permission binding",
    )
    parser.add_argument(
        "--end-sessions",
        action=argparse.BooleanOptionalAction,
        default=switch(parser, environment, "EMULATOR_END_SESSIONS", default=True),
        help="end a connection when its client is disabled or deleted, or its CA certificate is deleted or expires",
    )
    parser.add_argument(
        "--ip-rules",
        action=argparse.BooleanOptionalAction,
        default=switch(parser, environment, "EMULATOR_IP_RULES", default=True),
        help="refuse MQTT clients by the namespace's publicNetworkAccess and inboundIpRules",
    )
    parser.add_argument(
        "--connects-per-second",
        type=int,
        default=environment.get("EMULATOR_CONNECTS_PER_SECOND") or None,
        metavar="VALUE",
        help="CONNECTs of one session each second; 0: no limit (default: as Azure, 1)",
    )
    parser.add_argument(
        "--webhook-order",
        choices=ORDERS,
        default=environment.get("EMULATOR_WEBHOOK_ORDER") or WEBHOOK_ONLY,
        help="whether a namespace's webhook decides each CONNECT, or only those that no registered certificate authenticates",
    )
    parser.add_argument(
        "--webhook-seconds",
        type=float,
        default=environment.get("EMULATOR_WEBHOOK_SECONDS") or str(ANSWER_SECONDS),
        metavar="VALUE",
        help="how long a client waits for the webhook that decides its CONNECT; then the server is unavailable",
    )


def mqtt_options(found: argparse.Namespace) -> MqttOptions:
    """Return the parsed options. Raises `ValueError` with a sentence for an invalid one."""
    port = found.mqtt_sni_port
    if port is not None and not 0 <= port <= 65_535:
        raise ValueError("--mqtt-sni-port must be from 0 to 65535")
    rate = found.connects_per_second
    if rate is not None and rate < 0:
        raise ValueError("--connects-per-second must be at least 0")
    if found.webhook_order not in ORDERS:  # from the environment
        raise ValueError(f"EMULATOR_WEBHOOK_ORDER must be one of: {', '.join(ORDERS)}")
    if not 0 < found.webhook_seconds <= 60:
        raise ValueError("--webhook-seconds must be greater than 0, and at most 60")
    return MqttOptions(
        found.mqtt_port_base,
        port,
        found.open_topics,
        found.end_sessions,
        found.azure,
        ip_rules=found.ip_rules,
        connects_per_second=rate,
    )


def switch(parser: argparse.ArgumentParser, environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return a yes-or-no environment variable. Any other word is an error."""
    word = environment.get(name, "").strip().casefold()
    if word and word not in _YES + _NO:
        parser.error(f"{name} must be one of: {', '.join(_YES + _NO)}")
    return word in _YES if word else default
