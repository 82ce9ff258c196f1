"""`manage.py create_admin --link` prints a link that works once instead of a password."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse

from portal.models import Activity, User
from tests.portal.people.arranging import GOOD_PASSWORD, opened

pytestmark = pytest.mark.django_db


def test_the_link_lets_the_administrator_choose_a_password_once(settings: Any) -> None:
    settings.PUBLIC_URL = "https://portal.example"
    out = StringIO()
    call_command("create_admin", "root", "--link", stdout=out, stderr=StringIO())
    beginning, _, path = out.getvalue().split()[-1].partition("https://portal.example")
    assert beginning == ""
    root = User.objects.get()
    assert root.is_superuser
    assert not root.has_usable_password()
    browser, _ = opened(path)
    form = {"password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD}
    assert browser.post(reverse("portal:link_open"), form).status_code == 302
    assert Browser().login(username="root", password=GOOD_PASSWORD)
    assert opened(path)[1].status_code == 410
    verbs = set(Activity.objects.values_list("verb", flat=True))
    assert {"Create administrator", "Create password link", "Choose password by link", "Refuse link"} <= verbs


def test_without_local_accounts_no_useless_account_is_made(settings: Any) -> None:
    settings.LOCAL_ACCOUNTS = False
    with pytest.raises(CommandError):
        call_command("create_admin", "root", "--link", stdout=StringIO(), stderr=StringIO())
    assert not User.objects.exists()
    call_command("create_admin", "emergency", "--link", "--break-glass", stdout=StringIO(), stderr=StringIO())
    assert User.objects.get().break_glass
