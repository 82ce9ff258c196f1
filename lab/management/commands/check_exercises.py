"""`manage.py check_exercises`: check the exercises of the lab."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lab.catalogue.reading import folders
from lab.linting import problems_in


class Command(BaseCommand):
    help = "Check the exercises of the lab: ours, those of LAB_EXERCISES, or those in the folders given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="*", type=Path, help="a folder with exercises")

    def handle(self, *args: Any, folder: list[Path], **options: Any) -> None:
        found = []
        for each in folder or folders():
            if not each.is_dir():
                raise CommandError(f"{each} is no folder.")
            found += list(problems_in(each))
        for problem in found:
            self.stderr.write(problem)
        if found:
            raise CommandError(f"{len(found)} problems.")
        self.stdout.write("Every exercise is fine.")
