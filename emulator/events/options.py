"""Options of webhooks when the emulator starts: which may be called, for life-cycle events and to decide CONNECTs."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from emulator.events.allowed_urls import AllowedUrls, WebhookUrlError
from emulator.events.publisher import EventOptions


def add_event_arguments(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """The options `--allow-webhook`, `--webhook-hosts`, `--webhook-ca` and `--event-time-scale`, each also in the environment."""
    parser.add_argument(
        "--allow-webhook",
        action="append",
        metavar="URL",
        help="the start of URLs that event subscriptions and namespaces may name; can be given more than once (in"
        " EMULATOR_ALLOW_WEBHOOK: separated by blanks). Without it, no webhook is called",
    )
    parser.add_argument(
        "--webhook-hosts",
        default=environment.get("EMULATOR_WEBHOOK_HOSTS") or "",
        metavar="HOSTS",
        help="hosts whose https URLs they may name, separated by commas: HOST for any port, or HOST:PORT",
    )
    parser.add_argument(
        "--webhook-ca",
        type=Path,
        default=environment.get("EMULATOR_WEBHOOK_CA") or None,
        metavar="FILE",
        help="PEM file with CA certificates to trust for webhooks, besides those of the system",
    )
    parser.add_argument(
        "--event-time-scale",
        type=float,
        default=environment.get("EMULATOR_EVENT_TIME_SCALE") or "1",  # text, which argparse converts
        metavar="VALUE",
        help="multiplies Event Grid's times for webhooks, such as retries; 0.01 makes 10 minutes 6 seconds",
    )


def event_options(found: argparse.Namespace, environment: Mapping[str, str]) -> EventOptions:
    """Return the parsed options. Raise `ValueError` with a sentence for an invalid one."""
    given = found.allow_webhook or (environment.get("EMULATOR_ALLOW_WEBHOOK") or "").split()
    hosts = [host.strip() for host in found.webhook_hosts.split(",") if host.strip()]
    try:
        AllowedUrls(given)
    except WebhookUrlError as error:
        raise ValueError(f"--allow-webhook: {error}") from error
    try:
        allowed = AllowedUrls(given, hosts)
    except WebhookUrlError as error:
        raise ValueError(f"--webhook-hosts: {error}") from error
    if not 0 < found.event_time_scale <= 1:
        raise ValueError("--event-time-scale must be greater than 0, and at most 1")
    if found.webhook_ca is not None and not found.webhook_ca.is_file():
        raise ValueError(f"--webhook-ca: there is no file {found.webhook_ca}")
    return EventOptions(allowed, found.webhook_ca, found.event_time_scale)
