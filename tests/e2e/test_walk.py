"""The walk of the screenshots leaves out no page."""

from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve

from tests.e2e.walk import WALK
from tests.portal.test_access_table import TABLE

pytestmark = pytest.mark.e2e

FRAGMENTS_AND_FILES = (
    "_csv",
    "_export",
    "_states",
    "_pem",
    "_check_name",
    "_check",
    "_live",
    "_find",
    "_choices",
    "_progress",
    "_mode_state",
)
# A file, a part of a page, or a page that shows only what a walk without changes does not have.
NOT_WALKED = {
    *("namespaces:client_import_left", "namespaces:client_import_result", "namespaces:connection_newer"),
    *("mfa_download_recovery_codes", "portal:home", "portal:session_state", "portal:favicon", "portal:bell"),
    *(f"namespaces:change_set_{page}" for page in ("request", "detail", "json", "edit")),
    *("certificates:certificate_release", "certificates:ca_certificate_crl_remove"),
    *("classes:seat_bar", "lab:device_certificate"),
    *(f"namespaces:template_{made}" for made in ("arm", "bicep", "terraform", "az")),
}


def test_every_page_is_in_the_walk() -> None:
    walked = {stop.opens or view_of(stop.path) for stops in WALK.values() for stop in stops}
    pages = {name for name, (method, _) in TABLE.items() if method == "GET" and not name.endswith(FRAGMENTS_AND_FILES)}
    assert pages - walked - NOT_WALKED == set()
    assert walked & NOT_WALKED == set()


def view_of(path: str) -> str:
    try:
        return resolve(f"/{urlsplit(path).path}").view_name
    except Resolver404:
        return ""
