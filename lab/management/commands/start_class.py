"""`manage.py start_class`: make a class for the demo, unless one runs, and print what trainees need as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from lab.actions.classes import codes as class_codes
from lab.actions.classes.errors import ClassError
from lab.actions.classes.making import create_class
from lab.models import TrainingClass
from portal.models import User


class Command(BaseCommand):
    help = "Make a class with free seats, unless one runs, and print its number, join code and pages as JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seats", type=int, default=30, help="how many trainees (default: 30)")
        parser.add_argument("--title", default="Certificates for MQTT", help="as trainees see it")

    def handle(self, *args: Any, seats: int, title: str, **options: Any) -> None:
        training = TrainingClass.objects.exclude(state=TrainingClass.State.ENDED).first()
        if training is None:
            training = self._make(seats, title)
        made = {
            "class": training.pk,
            "title": training.title,
            "seats": training.seats.count(),
            "join": reverse("classes:join"),
            "board": reverse("classes:class_board", args=[training.pk]),
            "code": class_codes.shown(class_codes.opened(training.join_code), training.pk),
        }
        self.stdout.write(json.dumps(made))

    @staticmethod
    def _make(seats: int, title: str) -> TrainingClass:
        trainer = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if trainer is None:
            raise CommandError("There is no administrator to hold the class.")
        try:
            return create_class(trainer, title=title, seats=seats)
        except ClassError as refusal:
            raise CommandError(refusal.sentence) from refusal
