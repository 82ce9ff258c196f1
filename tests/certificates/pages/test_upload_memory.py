"""The memory that a megabyte in the upload form takes, from the request to the response."""

import tracemalloc

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from certificates.x509.reading import MAX_UPLOAD_BYTES
from namespaces.models import Namespace
from tests.certificates.uploads import LINE
from tests.certificates.x509.test_bounds import MOST_MEGABYTES, SHAPES

pytestmark = [pytest.mark.django_db, pytest.mark.long]


def sent(data: bytes, how: str) -> dict[str, object]:
    if how == "as a file":
        return {"name": "line-a", "file": SimpleUploadedFile("line.pem", data)}
    return {"name": "line-a", "pem": data.decode("latin-1")}


def peak_megabytes(browser: Browser, url: str, form: dict[str, object]) -> float:
    tracemalloc.start()
    try:
        answer = browser.post(url, form)
        peak = tracemalloc.get_traced_memory()[1] / 1_048_576
    finally:
        tracemalloc.stop()
    assert answer.status_code in {200, 302, 422}, answer.status_code
    return peak


@pytest.mark.parametrize("page", ["ca_certificate_check_file", "ca_certificate_upload"])
@pytest.mark.parametrize("how", ["as a file", "as a paste"])
def test_a_megabyte_in_the_form_takes_less_than_50_megabytes(
    ada: Browser, namespace: Namespace, page: str, how: str
) -> None:
    url = reverse(f"certificates:{page}", args=[namespace.pk])
    ada.post(url, sent(LINE.pem + b"\n" + LINE.pem, how))  # the first request imports what all share

    shapes = {name: make() for name, make in SHAPES.items()}
    assert sum(len(data) >= MAX_UPLOAD_BYTES // 2 for data in shapes.values()) >= 10
    took = {name: peak_megabytes(ada, url, sent(data, how)) for name, data in shapes.items()}
    assert {name: peak for name, peak in took.items() if peak >= MOST_MEGABYTES} == {}
    assert max(took.values()) > 1  # it was measured
