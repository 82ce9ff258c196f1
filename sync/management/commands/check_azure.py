"""`manage.py check_azure`: report what works between the portal and Azure, and what is missing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync.self_check import check_azure

MARKS = {True: "ok     ", False: "MISSING", None: "unknown"}


class Command(BaseCommand):
    help = "Report what works between the portal and Azure, and what is missing. Changes nothing."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        missing = 0
        for check in check_azure():
            missing += check.result.is_good is False
            self.stdout.write(f"{MARKS[check.result.is_good]}  {check.title}: {check.result.message}")
        if missing:
            raise CommandError(f"{missing} check{'s' if missing > 1 else ''} failed.")
        self.stdout.write("All checks passed.")
