"""`manage.py verify_activity`: check the activity log against its chain."""

import re
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.evidence.keys import KeyMissingError
from portal.evidence.sealing import Head
from portal.evidence.triggers import missing_triggers
from portal.evidence.verification import verify

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})\Z")


class Command(BaseCommand):
    help = "Check the activity log: name the first entry that was altered, deleted or cut off. Exits with 1 if there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", help="PLACE:SEAL from the server log: also finds entries cut off at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        head = _head(options["head"]) if options["head"] else None
        started = time.monotonic()
        try:
            result = verify(head)
        except KeyMissingError as fault:
            raise CommandError(str(fault)) from None
        seconds = max(time.monotonic() - started, 0.001)
        if result.problem:
            raise CommandError(f"[{result.problem.code}] {result.problem.sentence}")
        self.stdout.write(
            f"The activity log is as it was sealed: {result.links} links ({result.links / seconds:.0f} a second), "
            f"{result.unsealed} not yet sealed, {result.pruned} entries pruned before."
        )
        if result.head_is_pruned:
            self.stdout.write("The given head is in the part that was pruned, so it could not be compared.")
        if triggers := missing_triggers():
            self.stdout.write(f"[triggers_missing] The database lacks triggers: {', '.join(triggers)}.")
        self.stdout.write(f"Head: {result.head}")


def _head(text: str) -> Head:
    found = _HEAD.match(text)
    if found is None:
        raise CommandError("A head is PLACE:SEAL, with a seal of 64 hexadecimal digits, as in the server log.")
    return Head(int(found[1]), found[2])
