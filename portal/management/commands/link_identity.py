"""`manage.py link_identity`: let an existing account sign in at the identity provider."""

from argparse import ArgumentParser
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction

from portal.models import User
from portal.single_sign_on.accounts import link


class Command(BaseCommand):
    help = (
        "Link an existing account to an identity at the provider. The page that refuses a taken name shows the subject."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="user name of the account here")
        parser.add_argument("--subject", required=True, help="subject of the identity: the claim “sub” of its tokens")

    def handle(self, *args: Any, username: str, subject: str, **options: Any) -> None:
        configuration = settings.SINGLE_SIGN_ON
        if configuration is None:
            raise CommandError("Single sign-on is not set up: PORTAL_SSO_ISSUER is missing.")
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account named {username}.")
        if SocialAccount.objects.filter(user=user, provider=configuration.issuer).exists():
            raise CommandError(f"{username} is linked to an identity at {configuration.name} already.")
        try:
            with transaction.atomic():
                link(configuration, user, subject)
        except IntegrityError:
            raise CommandError("Another account is linked to this identity already.") from None
        self.stdout.write(f"{username} can now sign in with {configuration.name}.")
