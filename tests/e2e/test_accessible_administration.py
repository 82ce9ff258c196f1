"""Accessibility of the pages around people: administration, refusals and the pages without a session. Checked by axe."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, StorageState

from tests.e2e.demo_process import DemoProcess
from tests.e2e.guide import Guide
from tests.e2e.test_accessible import AXE_OPTIONS

pytestmark = pytest.mark.e2e
ADMINISTRATION = (
    *("people/2/give-role/", "people/2/disable/", "people/2/make-administrator/", "people/2/sign-out/"),
    *("people/?q=nobody-of-this-name", "people/?state=active&sort=-signed_in", "teams/create/", "teams/1/rename/"),
    *("teams/1/invite/", "outbox/", "webhooks/", "webhooks/create/", "namespaces/activity/", "namespaces/connect/"),
    *("namespaces/1/add-role-assignment/", "namespaces/1/access-control/other-teams/", "namespaces/1/disconnect/"),
    *("namespaces/1/access-control/approval-policy/", "namespaces/1/configuration/possession/"),
    *("namespaces/ask-for-access/", "account/two-step/app/", "notifications/", "sync/"),
)
NOT_SIGNED_IN = (
    *("sign-in/", "sign-in/?next=/people/", "sign-in/reset/", "sign-in/reset/sent/", "sign-in/reset/1/1-wrong/"),
    *("sign-in/reset/done/", "sign-in/link/wrong/", "account/email/verify/wrong/"),
)
REFUSED = ("people/", "teams/1/", "outbox/", "namespaces/99/", "namespaces/activity/", "namespaces/1/ask-for-access/")


@pytest.fixture(scope="module")
def sessions(demo: DemoProcess, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, StorageState]:
    """Sign in the administrator and a contributor."""
    found = {}
    for name in ("admin", "dana"):
        context = chromium.new_context()
        Guide(context.new_page(), demo.wait_ready(), tmp_path_factory.mktemp("pages")).sign_in(name)
        found[name] = context.storage_state()
        context.close()
    return found


def violations(page: Page, path: str) -> list[str]:
    page.goto(path)
    return [
        f"{path}: {each['id']}: {each['nodes'][0]['html'][:160]} {each['nodes'][0]['failureSummary'][:200]}"
        for each in Axe().run(page, options=AXE_OPTIONS).response["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("who", "paths"),
    [("admin", ADMINISTRATION), ("dana", REFUSED), ("", NOT_SIGNED_IN)],
    ids=["admin", "dana", "nobody"],
)
def test_axe_finds_nothing(
    demo: DemoProcess,
    chromium: Browser,
    sessions: dict[str, StorageState],
    who: str,
    paths: tuple[str, ...],
    scheme: str,
) -> None:
    colours = "dark" if scheme == "dark" else "light"
    context = chromium.new_context(color_scheme=colours, reduced_motion="reduce", storage_state=sessions.get(who))  # type: ignore[arg-type]
    page, base = context.new_page(), demo.wait_ready()["portal"]
    found = [each for path in (paths if scheme == "light" else paths[::3]) for each in violations(page, base + path)]
    page.set_viewport_size({"width": 360, "height": 740})
    for path in paths:
        page.goto(base + path)
        if page.evaluate("document.documentElement.scrollWidth") > 360:
            found.append(f"{path} is wider than a phone")
    context.close()
    assert not found, "\n".join(found)
