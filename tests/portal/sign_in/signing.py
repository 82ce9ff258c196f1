"""Sign in through the page, as a browser at an address."""

from typing import Any

from django.test import Client as Browser
from django.urls import reverse

from tests.support.database.factories import PASSWORD


def sign_in(
    username: str, password: str = PASSWORD, *, address: str = "192.0.2.1", browser: Any = None, **form: str
) -> Any:
    """Post the form of the sign-in page, from a new browser unless one is given."""
    form = {"username": username, "password": password, **form}
    return (browser or Browser()).post(reverse("portal:sign_in"), form, REMOTE_ADDR=address)
