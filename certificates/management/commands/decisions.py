"""`manage.py decisions`: answer namespaces that ask this portal about each CONNECT, until it is stopped."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from certificates.decision_service.running import Listening, run


class Command(BaseCommand):
    help = (
        "Decide about CONNECTs of namespaces that ask this portal. Each process keeps these namespaces in memory and follows "
        "the database. Without a certificate, run it behind a proxy that has one: namespaces ask over TLS only."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
        parser.add_argument("--port", type=int, default=8444, help="default: %(default)s")
        parser.add_argument("--socket", default="", help="instead of both: unix:PATH, or fd://NUMBER of an open socket")
        parser.add_argument("--certificate", default="", help="PEM file of the TLS certificate with its chain")
        parser.add_argument("--key", default="", help="PEM file of its private key")
        parser.add_argument(
            "--processes",
            type=int,
            default=settings.DECISIONS_PROCESSES,
            help="default: DECISIONS_PROCESSES, %(default)s",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if bool(options["certificate"]) != bool(options["key"]):
            raise CommandError("Give both --certificate and --key, or neither.")
        if options["processes"] < 1:
            raise CommandError("The service needs at least one process.")
        address = options["socket"] or f"{options['host']}:{options['port']}"
        self.stdout.write(f"Deciding about CONNECTs at {address}.")
        run(Listening(address, options["processes"], options["certificate"], options["key"]))
