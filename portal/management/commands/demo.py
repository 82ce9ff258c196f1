"""`manage.py demo`: the whole product on this machine, with one command and one Ctrl-C."""

import contextlib
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo.reach import Reach
from portal.demo.run import MOST_SEATS, Demo
from portal.demo.state import StateError, StateFolder
from portal.demo.supervisor import PartError


class Command(BaseCommand):
    help = (
        "Start the emulator, a worker and the portal, with two namespaces, one of them filled. Ctrl-C stops everything."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        local = settings.BASE_DIR / ".local"
        parser.add_argument(
            "--state", type=Path, default=local, help="folder for data, keys and logs (default: .local)"
        )
        parser.add_argument(
            "--port", type=int, default=8000, help="port of the portal; 0 = any free port for every part"
        )
        parser.add_argument(
            "--broker", default="", help="a Redis or RabbitMQ to use, as CELERY_BROKER_URL names it (default: files)"
        )
        parser.add_argument(
            "--azure", default="", metavar="MONTH", help="behave as Azure did then, such as 2025-02 (default: newest)"
        )
        parser.add_argument(
            "--sso", action="store_true", help="run an identity provider too, with users and groups for single sign-on"
        )
        parser.add_argument(
            "--empty", action="store_true", help="start with two bare namespaces, without devices and connections"
        )
        parser.add_argument(
            "--class",
            dest="seats",
            type=int,
            default=0,
            metavar="SEATS",
            help="hold a class: a namespace and a seat for each trainee, who joins with a code",
        )
        parser.add_argument(
            "--host",
            default="",
            help="let other machines reach it at this address or name of this one, over TLS; only with --class",
        )
        parser.add_argument("--reset", action="store_true", help="start over: empty the folder first")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["port"] <= 65535:
            raise CommandError("--port is a number from 0 to 65535.")
        if not 0 <= options["seats"] <= MOST_SEATS:
            raise CommandError(f"--class is a number of seats from 1 to {MOST_SEATS}.")
        if options["host"] and not options["seats"]:
            raise CommandError("--host is for a class: give --class too. Without one, the demo stays on this machine.")
        if options["host"] and options["sso"]:
            raise CommandError("--host and --sso cannot be used together: the identity provider stays on this machine.")
        folder = StateFolder(options["state"])
        try:
            if options["reset"]:
                folder.reset()
            folder.open()
            chosen = {name: options[name] for name in ("port", "broker", "azure", "sso", "empty", "seats")}
            reach = Reach.of(options["host"], folder.path, now=datetime.now(UTC))
            Demo(folder, **chosen, reach=reach, code=settings.BASE_DIR, report=self._report).run()
        except (StateError, PartError) as error:
            raise CommandError(str(error)) from error
        finally:
            folder.close()

    def _report(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal has gone; the processes still have to be stopped
            self.stdout.write(text)
            self.stdout.flush()
