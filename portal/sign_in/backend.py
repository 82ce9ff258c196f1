"""Which accounts may use a password."""

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser

from portal.models import User


class PasswordBackend(ModelBackend):
    """Django's backend. While local accounts are turned off, only break-glass administrators may use a password.

    A missing account costs as much time as an existing one: `ModelBackend` hashes the password in both cases.
    """

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        return super().user_can_authenticate(user) and may_use_password(user)


def may_use_password(user: object) -> bool:
    return isinstance(user, User) and (settings.LOCAL_ACCOUNTS or user.break_glass)
