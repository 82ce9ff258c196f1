"""Sample certificates: right ones and deliberately wrong ones, each with what will happen; nothing of them is kept."""

import base64
import io
import re
import zipfile

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.decoding import read_upload
from certificates.issuing import SAMPLE_FAULTS, TEACHING_NAMES
from namespaces.models import Namespace
from tests.factories import PASSWORD, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace(reader=make_user("rita"))


@pytest.fixture
def rita(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="rita", password=PASSWORD)
    return client


def typed() -> dict[str, list[str]]:
    return {
        "client_name": [name.authentication_name for name in TEACHING_NAMES],
        "client_scheme": [name.validation_scheme for name in TEACHING_NAMES],
        "client_fault": [name.fault for name in TEACHING_NAMES],
    }


def test_one_click_fills_in_the_set_for_teaching(rita: Browser, namespace: Namespace) -> None:
    url = reverse("certificates:sample_certificates_draft", args=[namespace.pk])
    page = rita.post(url, {"teaching_set": "1"}).content.decode()
    for name in TEACHING_NAMES:
        assert f'value="{name.authentication_name}"' in page
    for fault in SAMPLE_FAULTS:
        assert f'<option value="{fault.code}" selected>' in page


def test_every_sample_is_in_the_zip_and_told_what_will_happen(rita: Browser, namespace: Namespace) -> None:
    page = rita.post(reverse("certificates:sample_certificates", args=[namespace.pk]), typed()).content.decode()
    assert page.count(">Accepted<") == 7  # the six schemes, and the name in other case
    assert page.count(">Refused<") == 7
    packed = re.search(r"data:application/zip;base64,([A-Za-z0-9+/=]+)", page)
    assert packed
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed[1]))) as files:
        names = files.namelist()
        assert sum(name.endswith(".key") for name in names) == 2 + len(TEACHING_NAMES)
        assert read_upload(files.read("intermediate_ca.crt"))[0].is_ca


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"client_name": ["x" * 65]}, "too long for a subject"),
        ({"client_name": ["ü"]}, "not plain ASCII"),
        ({"client_name": ["a"], "client_scheme": ["Nothing"]}, "is not one of the six validation schemes"),
        ({"client_name": ["a"], "client_fault": ["burnt"]}, "burnt is not a known fault"),
        ({"client_name": [" "]}, "Type at least one client authentication name."),
        ({}, "Type at least one client authentication name."),
        ({"client_name": [str(n) for n in range(40)]}, "Make at most"),
    ],
)
def test_what_cannot_be_made_is_told_by_its_row(
    rita: Browser, namespace: Namespace, sent: dict[str, list[str]], sentence: str
) -> None:
    answer = rita.post(reverse("certificates:sample_certificates", args=[namespace.pk]), sent)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert "data:application/zip" not in answer.content.decode()
