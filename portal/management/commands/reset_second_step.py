"""`manage.py reset_second_step`: for a user who has lost both app and recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal.activity import SESSIONS, record
from portal.models import User
from portal.sign_in.second_step import remove_second_step
from portal.sign_in.sessions import end_all_sessions


class Command(BaseCommand):
    help = "Remove the authenticator app and the recovery codes of a user, and end the user's sessions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="user name")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account named {username}.")
        with transaction.atomic():
            if not remove_second_step(user):
                raise CommandError(f"{username} has no second step.")
            end_all_sessions(user)
            record(None, verb="Reset two-step sign-in", kind=SESSIONS, object_pk=user.pk, object_name=username)
        self.stdout.write(f"{username} signs in with the password alone. Ask them to add an app again.")
