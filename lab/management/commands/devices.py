"""`manage.py devices`: run the devices that people use in the browser, until it is stopped."""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lab.actions.devices import allowed_among
from lab.devices import limits
from lab.devices.control import has_devices
from lab.devices.keeper import Bounds
from lab.devices.server import serve
from namespaces.connections.mqtt_endpoints import emulator_endpoint


class Command(BaseCommand):
    help = (
        "Run the MQTT devices of the portal's page Device. Keys are made and kept in memory only. "
        "One process for each portal, on the machine of its web processes."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--per-person", type=int, default=limits.PER_PERSON, help="default: %(default)s")
        parser.add_argument(
            "--most", type=int, default=limits.MOST_DEVICES, help="devices in all; default: %(default)s"
        )
        parser.add_argument(
            "--idle", type=float, default=limits.IDLE_SECONDS, help="seconds until an unused device ends; %(default)s"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if not has_devices():
            raise CommandError(
                "Devices exist only where the target is an emulator: set DEVICES_IN_BROWSER and FAULT_CONTROL_GATEWAY."
            )
        bounds = Bounds(per_person=options["per_person"], most=options["most"], idle=options["idle"])
        asyncio.run(serve(Path(settings.DEVICES_FILE), emulator_endpoint, allowed_among, bounds))
