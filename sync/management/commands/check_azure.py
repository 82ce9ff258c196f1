"""`manage.py check_azure`: what works between the portal and Azure, and what is missing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync.self_check import check_azure

MARKS = {True: "ok     ", False: "MISSING", None: "unknown"}


class Command(BaseCommand):
    help = "Say what works between the portal and Azure, and what is missing. Changes nothing."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        missing = 0
        for answer in check_azure():
            missing += answer.is_good is False
            self.stdout.write(f"{MARKS[answer.is_good]}  {answer.question}: {answer.said}")
        if missing:
            raise CommandError(f"{missing} thing{'s are' if missing > 1 else ' is'} missing.")
        self.stdout.write("Everything the portal needs is there.")
