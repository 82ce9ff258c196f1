"""`manage.py check_deployment`: what is wrong with this deployment, and how to fix it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.deployment.checks import find_shortcomings
from portal.deployment.public_url import check_public_url

MARKS = {"error": "ERROR  ", "warning": "WARNING"}


class Command(BaseCommand):
    help = "Report what is wrong with this deployment and how to fix it. Changes nothing. Exits with 1 on errors."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="", help="URL of the portal as users open it, to check the proxy")
        parser.add_argument("--ca", default="", help="PEM file of the authority that signed its TLS certificate")

    def handle(self, *args: Any, url: str, ca: str, **options: Any) -> None:
        errors = 0
        for found in [*find_shortcomings(), *(check_public_url(url, ca) if url else ())]:
            errors += found.severity == "error"
            self.stdout.write(f"{MARKS[found.severity]}  {found.problem}\n         {found.fix}  [{found.code}]")
        if errors:
            raise CommandError(f"{errors} error{'s' if errors > 1 else ''}: this deployment does not work correctly.")
        self.stdout.write("No errors found.")
