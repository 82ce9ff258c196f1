"""`manage.py create_admin`: the first account of a new portal, with a password or with a link to choose one."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction

from portal.activity import record
from portal.deployment.passwords import generate_password
from portal.models import User
from portal.notifications.links import absolute
from portal.people.accounts import make_password_link
from portal.people.links import path_of


class Command(BaseCommand):
    help = "Create an administrator and print a generated password, or a link to choose one, once. Never changes an existing account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", default="admin", help="user name (default: admin)")
        parser.add_argument("--email", default="", help="e-mail address")
        parser.add_argument(
            "--break-glass",
            action="store_true",
            help="for emergencies: may use the password also while PORTAL_LOCAL_ACCOUNTS is false",
        )
        parser.add_argument(
            "--link",
            action="store_true",
            help="print a link to choose a password, which works once and for a day, instead of a password",
        )

    def handle(
        self, *args: Any, username: str, email: str, break_glass: bool = False, link: bool = False, **options: Any
    ) -> None:
        if link and not (settings.LOCAL_ACCOUNTS or break_glass):
            raise CommandError("Passwords are turned off (PORTAL_LOCAL_ACCOUNTS=false). Add --break-glass.")
        password = None if link else generate_password()
        user = User(username=username, email=email, is_staff=True, is_superuser=True, break_glass=break_glass)
        user.set_password(password)
        try:
            user.clean_fields()
        except ValidationError as fault:
            raise CommandError("; ".join(f"{name}: {' '.join(errors)}" for name, errors in fault.message_dict.items())) from None  # fmt: skip
        if User.objects.filter(username__iexact=username).exists():
            raise CommandError(_exists(username))
        try:
            with transaction.atomic():
                user.save(force_insert=True)
                verb = "Create break-glass administrator" if break_glass else "Create administrator"
                record(None, verb=verb, kind="portal.user", object_pk=user.pk, object_name=username)
        except IntegrityError:
            raise CommandError(_exists(username)) from None
        if link:
            self._print_link(user)
            return
        self.stdout.write(f"User name  {username}\nPassword   {password}")
        self.stderr.write("The password is shown only now. Sign in and change it under Account.")

    def _print_link(self, user: User) -> None:
        secret = make_password_link(None, person=user)
        self.stdout.write(f"User name  {user.username}\nLink       {absolute(path_of(secret))}")
        self.stderr.write("The link works once and for a day. If its host is wrong, set PORTAL_PUBLIC_URL.")


def _exists(username: str) -> str:
    return f"An account named {username} exists already, and was not changed. Choose another name, or run: manage.py changepassword {username}"
