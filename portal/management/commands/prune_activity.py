"""`manage.py prune_activity`: delete the oldest entries of the activity log."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal.evidence.keys import KeyMissingError
from portal.evidence.pruning import count_prunable, prune
from portal.evidence.verification import verify


class Command(BaseCommand):
    help = (
        "Delete the entries of the activity log that are older than PORTAL_ACTIVITY_KEEP_DAYS, after verifying the log."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be deleted")

    def handle(self, *args: Any, **options: Any) -> None:
        days = settings.ACTIVITY_KEEP_DAYS
        if not days:
            raise CommandError("PORTAL_ACTIVITY_KEEP_DAYS is not set, so every entry is kept. Nothing was deleted.")
        try:
            before = timezone.now() - timedelta(days=days)
        except OverflowError:
            raise CommandError("PORTAL_ACTIVITY_KEEP_DAYS is longer than the calendar. Nothing was deleted.") from None
        try:
            if options["dry_run"]:
                self.stdout.write(
                    f"{count_prunable(before)} entries from before {before:%Y-%m-%d %H:%M} UTC would be deleted."
                )
                return
            if problem := verify().problem:
                raise CommandError(f"Nothing was deleted, to keep the traces: [{problem.code}] {problem.sentence}")
            done = prune(before)
        except KeyMissingError as fault:
            raise CommandError(str(fault)) from None
        self.stdout.write(f"{done.entries} entries from before {before:%Y-%m-%d %H:%M} UTC were deleted.")
