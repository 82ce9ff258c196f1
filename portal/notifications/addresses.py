"""E-mail addresses of accounts."""

from allauth.account.models import EmailAddress

from portal.models import User


def address_of(user: User) -> str:
    """Return the verified main address of an account, else the one that an administrator entered, or ""."""
    verified = EmailAddress.objects.filter(user=user.pk, verified=True).order_by("-primary", "pk").first()
    return str(verified.email) if verified else user.email
