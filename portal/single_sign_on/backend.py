"""Whose sessions single sign-on has begun. It checks no passwords, and its sessions last while it is configured."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from portal.models import User

PATH = f"{__name__}.SingleSignOnBackend"


class SingleSignOnBackend(BaseBackend):
    """Finds the user of a session. Unlike `PasswordBackend`, it does so while local accounts are turned off too."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        return

    def get_user(self, user_id: int) -> User | None:
        if settings.SINGLE_SIGN_ON is None:
            return None
        return User.objects.filter(pk=user_id, is_active=True).first()
