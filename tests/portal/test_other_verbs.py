"""No URL takes a verb that the access table does not have: what nobody checked for each role cannot be sent."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Namespace
from portal.models import Activity
from tests.portal.access.place import arguments, place, signed_in
from tests.portal.test_access_table import CHANGES, TABLE

pytestmark = pytest.mark.django_db
__all__ = ["place"]  # the fixture
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def send(browser: Browser, verb: str, url: str) -> Any:
    return browser.generic(verb, url, b"{}", content_type="application/json")


def is_sent_away(answer: Any) -> bool:
    """Return whether the request led to the sign-in, or to the page that first adds an authenticator app."""
    location = str(answer.headers.get("Location", ""))
    return answer.status_code == 302 and location.startswith(
        (f"{reverse('portal:sign_in')}?next=", reverse("mfa_index"))
    )


@pytest.mark.parametrize("person", ["admin", "anonymous"])
def test_no_url_takes_another_verb(place: Namespace, person: str) -> None:
    browser, taken = signed_in(person), []
    entries = Activity.objects.count()
    for name, (method, _) in TABLE.items():
        url = reverse(name, kwargs=arguments(name, place.pk))
        for verb in VERBS:
            if verb == method or (verb == "POST" and name in CHANGES):
                continue
            answer = send(browser, verb, url)
            if answer.status_code != 405 and not is_sent_away(answer):
                taken.append(f"{verb} {name}: {answer.status_code}")
    assert not taken, "\n".join(taken)
    assert Activity.objects.count() == entries
