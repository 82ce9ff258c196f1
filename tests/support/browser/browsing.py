"""Sign a user in to Django's test client and fetch pages."""

from typing import Any

from django.test import Client as Browser
from django.urls import reverse

from portal.models import User
from tests.support.database.factories import PASSWORD


def signed_in(user: User) -> Browser:
    browser = Browser()
    assert browser.login(username=user.username, password=PASSWORD)
    return browser


def page(user: User, name: str, *args: Any, **query: str) -> str:
    response = signed_in(user).get(reverse(name, args=args), query)
    assert response.status_code == 200
    return str(response.content.decode())
