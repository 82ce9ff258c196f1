"""The pages of the shell, for the search."""

from collections.abc import Iterable

from django.urls import reverse

from portal.models import User
from portal.registry import SearchHit, page_hit, shell_items


def shell_pages(user: User, namespace_pk: int | None) -> Iterable[SearchHit]:
    yield page_hit("Account", "your roles, your password", reverse("portal:account"))
    yield page_hit("Sessions", "where you are signed in", reverse("portal:sessions"))
    yield page_hit("E-mail addresses", "of your account", reverse("account_email"))
    yield page_hit("Two-step sign-in", "authenticator app and recovery codes", reverse("mfa_index"))
    for item in shell_items(user):
        if item.group:
            yield page_hit(item.label, item.group, reverse(item.url_name))
    yield page_hit("Notifications", "recent changes and failures", reverse("portal:notifications"))
    yield page_hit("Notification settings", "which you get, and how", reverse("portal:notification_preferences"))
