"""Sign in without a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests


@contextmanager
def signed_in(endpoints: dict[str, Any], username: str) -> Iterator[requests.Session]:
    password = next(user["password"] for user in endpoints["users"] if user["username"] == username)
    with requests.Session() as session:
        page = session.get(endpoints["portal"], timeout=60)
        form = {"username": username, "password": password, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        session.post(page.url, data=form, timeout=60).raise_for_status()
        assert "sessionid" in session.cookies, "Signing in failed."
        yield session
