"""Accessibility: keyboard, no JavaScript, narrow screen, dark colours, and the checks of axe."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, StorageState, expect

from certificates.samples.chain import ClientName, make_sample_chain
from tests.e2e.demo_process import DemoProcess, running_demo
from tests.e2e.guide import Guide

pytestmark = pytest.mark.e2e
PAGES = (
    "namespaces/",
    "namespaces/1/",
    "namespaces/1/activity/",
    "namespaces/1/activity/?since=never&result=failed",
    "namespaces/1/ca-certificates/",
    "namespaces/1/ca-certificates/line-a/",
    "namespaces/1/ca-certificates/line-a/clients/",
    "namespaces/1/ca-certificates/line-a/json/",
    "namespaces/1/ca-certificates/line-a/commands/",
    "namespaces/1/ca-certificates/line-a/delete/",
    "namespaces/1/ca-certificates/line-a/replace/",
    "namespaces/1/ca-certificates/line-a/possession/",
    "namespaces/1/rules/",
    "namespaces/1/revocation-lists/",
    "namespaces/1/ca-certificates/line-a/revocation-list/",
    "namespaces/1/ca-certificates/line-a/vouches-for/",
    "namespaces/1/ca-certificates/line-a/first-contact/",
    "namespaces/1/waiting-devices/",
    "namespaces/1/blocked-names/",
    "namespaces/1/revoked-certificates/",
    "namespaces/1/revoked-certificates/revoke-another/",
    "namespaces/1/clients/press-1/certificates/",
    "namespaces/1/upload-certificate/",
    "namespaces/1/clients/",
    "namespaces/1/change-clients/?which=all&change=disable",
    "namespaces/1/create-client/",
    "namespaces/1/clients/press-1/update/",
    "namespaces/1/clients/press-1/change-authentication-name/",
    "namespaces/1/clients/press-1/",
    "namespaces/1/clients/press-1/commands/",
    "namespaces/1/clients/press-1/try-it/",
    "namespaces/1/client-groups/",
    "namespaces/1/create-client-group/",
    "namespaces/1/query-builder/",
    "namespaces/1/create-topic-space/",
    "namespaces/1/permission-bindings/",
    "namespaces/1/create-permission-binding/",
    "namespaces/1/test-permission/",
    "namespaces/1/export-template/",
    "namespaces/1/configuration/",
    "namespaces/1/configuration/commands/",
    "namespaces/1/configuration/authentication/",
    "namespaces/1/expiries/impact/",
    "namespaces/1/clients/press-1/renew/",
    "namespaces/1/emulator/",
    "namespaces/1/connections/",
    "namespaces/1/connections/refused/",
    "namespaces/1/connections/issuer-alarms/",
    "namespaces/1/test-authentication/",
    "namespaces/1/expiries/",
    "namespaces/1/sample-certificates/",
    "namespaces/1/access-control/",
    "namespaces/1/change-sets/",
    "lab/1/devices/",
    "lab/1/shared-attempts/",
    "namespaces/1/sync/",
    "namespaces/1/drift/",
    "home/",
    "check-certificate/",
    "account/",
    "account/sessions/",
    "account/notifications/",
    "account/email/",
    "account/two-step/",
    "account/confirm/",
    "notifications/",
    "search/?q=press",
)

AXE_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # the rules that pass name every element that they apply to, which takes long
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    chain = make_sample_chain([ClientName("press-1")], at=datetime.now(UTC))
    (folder / "intermediate_ca.crt").write_text(chain.intermediate.certificate_pem)
    (folder / "client.crt").write_text(chain.clients[0].certificate_pem)
    return folder


@pytest.fixture(scope="module")
def own_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A demo in which no other module has made anything."""
    with running_demo(tmp_path_factory.mktemp("demo") / "state", migrated=True) as process:
        process.wait_ready()
        yield process


@pytest.fixture(scope="module")
def furnished(own_demo: DemoProcess, chromium: Browser, files: Path) -> DemoProcess:
    """A demo with a certificate and a client, made without JavaScript: what a form alone can do."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    guide = Guide(page, own_demo.wait_ready(), files)
    guide.sign_in("dana")
    guide.open_namespace("contoso-plant")
    guide.open("CA certificates")
    page.get_by_role("link", name="Certificate", exact=True).click()
    page.get_by_label("Certificate name").fill("x")
    page.locator("input[type=file]").set_input_files(files / "client.crt")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#id_name_error")).to_have_attribute("data-code", "length")
    expect(page.locator("#id_file_error")).to_have_attribute("data-problem", re.compile("^leaf"))
    page.get_by_label("Certificate name").fill("line-a")
    page.get_by_label("Or paste the certificate").fill((files / "intermediate_ca.crt").read_text())
    page.get_by_role("button", name="Upload").click()
    reload_until_succeeded(page, guide, "line-a")
    guide.open("Clients")
    page.get_by_role("link", name="Client", exact=True).click()
    page.get_by_label("Client name", exact=False).first.fill("press-1")
    page.get_by_role("button", name="Add attribute").click()
    expect(page.get_by_label("Key")).to_have_count(2)
    page.get_by_label("Key").first.fill("line")
    page.get_by_label("Value").first.fill("A")
    page.get_by_role("button", name="Create", exact=True).click()
    reload_until_succeeded(page, guide, "press-1")
    context.close()
    return own_demo


def reload_until_succeeded(page: Page, guide: Guide, name: str) -> None:
    expect(guide.row(name)).to_be_visible()
    for _ in range(240):
        if "Succeeded" in guide.row(name).inner_text():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(f"{name} has not succeeded.")


@pytest.fixture(scope="module")
def session_of_dana(furnished: DemoProcess, chromium: Browser, screenshots: Path) -> StorageState:
    """One sign-in for the module: checking the password takes longer than some of the tests."""
    context = chromium.new_context()
    Guide(context.new_page(), furnished.wait_ready(), screenshots).sign_in("dana")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def storage(session_of_dana: StorageState) -> StorageState:
    return session_of_dana


@pytest.fixture
def dana(furnished: DemoProcess, page: Page) -> Page:
    page.goto(furnished.wait_ready()["portal"])
    return page


def test_upload_by_keyboard_alone(furnished: DemoProcess, dana: Page) -> None:
    base = furnished.wait_ready()["portal"]
    dana.goto(f"{base}namespaces/1/ca-certificates/")
    opener = dana.get_by_role("link", name="Certificate", exact=True)
    opener.focus()
    dana.keyboard.press("Enter")
    name = dana.get_by_label("Certificate name")
    expect(name).to_be_focused()
    dana.keyboard.type("line-a")
    expect(dana.locator("#id_name_check")).to_contain_text("already")
    for _ in range(40):  # round and round, never out of the pane
        dana.keyboard.press("Tab")
        assert dana.evaluate("document.querySelector('#pane').contains(document.activeElement)")
    dana.keyboard.press("Escape")
    expect(dana.locator("#pane .pane")).to_have_count(0)
    expect(opener).to_be_focused()


def test_escape_keeps_what_was_typed_and_cancel_discards_it(furnished: DemoProcess, dana: Page, files: Path) -> None:
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/ca-certificates/")
    opener = dana.get_by_role("link", name="Certificate", exact=True)
    opener.click()
    name = dana.get_by_label("Certificate name")
    upload = dana.get_by_role("button", name="Upload")
    name.fill("line-b")
    dana.locator("#id_file").set_input_files(files / "client.crt")
    expect(dana.locator("#id_file_error")).to_have_attribute("data-problem", "leaf-of-known-ca")
    expect(upload).to_be_disabled()
    dana.keyboard.press("Escape")
    expect(dana.locator("#pane .pane")).to_have_count(0)
    opener.click()
    expect(name).to_have_value("line-b")
    expect(name).to_be_focused()
    expect(dana.locator("#toasts")).to_contain_text("What you typed is still here.")
    expect(upload).to_be_disabled()
    dana.locator("#id_file").set_input_files(files / "intermediate_ca.crt")
    expect(dana.locator("#id_file_error")).to_have_attribute("data-problem", "duplicate")
    dana.get_by_role("link", name="Cancel").click()
    expect(dana.locator("#pane .pane")).to_have_count(0)
    opener.click()
    expect(name).to_have_value("")
    expect(upload).to_be_enabled()
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/upload-certificate/")  # drawn open by the server
    name.fill("line-c")
    dana.once("dialog", lambda asked: asked.dismiss())
    dana.keyboard.press("Escape")
    expect(name).to_have_value("line-c")
    dana.once("dialog", lambda asked: asked.accept())
    dana.keyboard.press("Escape")
    expect(dana.locator("#pane .pane")).to_have_count(0)


def test_a_certificate_is_named_by_its_file_until_a_name_is_typed(
    furnished: DemoProcess, dana: Page, files: Path
) -> None:
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/upload-certificate/")
    name = dana.get_by_label("Certificate name")

    def choose(file: str, problem: str) -> None:
        dana.locator("#id_file").set_input_files(files / file)
        expect(dana.locator("#id_file_error")).to_have_attribute("data-problem", problem)

    choose("intermediate_ca.crt", "duplicate")
    expect(name).to_have_value("intermediate-ca")
    choose("client.crt", "leaf-of-known-ca")
    expect(name).to_have_value("client")
    name.fill("line-c")
    choose("intermediate_ca.crt", "duplicate")
    expect(name).to_have_value("line-c")


def test_a_replaced_button_keeps_the_focus(furnished: DemoProcess, dana: Page) -> None:
    """Where a form grows or shrinks, the keyboard goes on from the button that was pressed."""
    base = f"{furnished.wait_ready()['portal']}namespaces/1/"
    for path, add, remove in (
        ("create-client/", "Add attribute", "Remove attribute"),
        ("create-topic-space/", "Add topic template", "Remove topic template"),
        ("sample-certificates/", "Add client", "Remove"),
    ):
        dana.goto(base + path)
        added, removed = (dana.get_by_role("button", name=re.compile(f"^{each}")) for each in (add, remove))
        before = removed.count()
        for number in (1, 2):
            added.focus()
            dana.keyboard.press("Enter")
            expect(removed).to_have_count(before + number + (path.startswith("sample") and before == 0))
            expect(added).to_be_focused()
        last = removed.count() - 1
        removed.nth(last).focus()
        dana.keyboard.press("Enter")
        expect(removed).to_have_count(last)
        expect(removed.nth(last - 1)).to_be_focused()


def test_a_removed_button_gives_the_focus_to_the_response(furnished: DemoProcess, dana: Page, tmp_path: Path) -> None:
    chains = [make_sample_chain([ClientName("press-1")], at=datetime.now(UTC), label=each) for each in ("One", "Two")]
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("".join(chain.intermediate.certificate_pem for chain in chains))
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/upload-certificate/")
    dana.locator("#id_file").set_input_files(bundle)
    expect(dana.get_by_role("button", name="Use CN=One")).to_be_visible()
    dana.get_by_label("Certificate name").fill("line-b")
    dana.keyboard.press("Enter")  # is Upload, and chooses for nobody
    expect(dana.locator("#id_file_error")).to_have_attribute("data-detail", "choose")
    expect(dana.get_by_label("Or paste the certificate")).to_have_value(re.compile("BEGIN CERTIFICATE"))
    expect(dana.get_by_label("Certificate name")).to_have_value("line-b")
    dana.get_by_role("button", name="Use CN=One").focus()
    dana.keyboard.press("Enter")
    expect(dana.locator("#verdict [data-verdict=accepted]")).to_be_visible()
    expect(dana.locator("#verdict")).to_be_focused()


def test_a_file_name_shows_invisible_characters(
    furnished: DemoProcess, dana: Page, files: Path, tmp_path: Path
) -> None:
    posing = tmp_path / "client.\u202egpj.<b>crt"  # reads as a picture where it turns the letters behind it
    posing.write_bytes((files / "client.crt").read_bytes())
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/upload-certificate/")
    dana.locator("#id_file").set_input_files(posing)
    expect(dana.locator("[data-drop-name]")).to_have_text("client.‹U+202E›gpj.<b>crt")


def test_samples_are_registered_while_their_download_stays(furnished: DemoProcess, dana: Page) -> None:
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/2/sample-certificates/")
    dana.get_by_label("Client authentication name").fill("robot-1")
    dana.get_by_role("button", name="Create certificates").last.click()
    dana.get_by_role("button", name="Upload the intermediate and register this client").click()
    expect(dana.locator("#sample-next")).to_contain_text("CA certificate: sample-intermediate. Client: robot-1.")
    expect(dana.get_by_role("link", name="Download ZIP")).to_be_visible()


def test_an_error_in_test_authentication_is_shown_at_its_field(furnished: DemoProcess, dana: Page, files: Path) -> None:
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/test-authentication/")
    dana.get_by_role("button", name="Test", exact=True).click()
    expect(dana.locator("#id_file_error .error")).to_have_count(1)
    expect(dana.locator("#id_file")).to_be_focused()
    dana.get_by_label("MQTT user name").fill("press-1")
    dana.locator("#id_file").set_input_files(files / "client.crt")
    expect(dana.locator("#result")).to_contain_text("Accepted.")
    expect(dana.locator("#id_file_error")).to_have_count(0)
    dana.get_by_label("Or paste it").fill("hello")
    dana.locator("#id_file").set_input_files([])
    expect(dana.locator("#id_file_error")).to_be_visible()
    expect(dana.locator("#result")).to_be_empty()


def test_a_live_check_replaces_the_errors_of_the_last_submit(furnished: DemoProcess, dana: Page) -> None:
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/create-client-group/")
    query = dana.get_by_label("Query")
    query.fill("authenticationName =")
    dana.get_by_role("button", name="Create").last.click()
    errors = dana.locator("#id_query_error")
    expect(errors).to_be_visible()
    expect(dana.locator("#query-matches")).to_be_empty()
    query.fill("authenticationName = 'press-1'")
    expect(dana.locator("#query-matches")).to_contain_text("matches now")
    expect(errors).to_have_count(0)
    expect(query).not_to_have_attribute("aria-invalid", "true")


def test_the_query_builders_answer_and_button_follow_the_query(furnished: DemoProcess, dana: Page) -> None:
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/query-builder/?query=true")
    button = dana.get_by_role("link", name="Create a client group of this query")
    expect(button).to_have_attribute("href", re.compile(r"\?query=true$"))
    query = dana.get_by_label("Query", exact=True)
    query.fill("attributes.line = ")
    expect(dana.locator("#query-answer")).to_contain_text("Expected a value")
    expect(button).to_have_count(0)
    query.fill("attributes.line = 'A'")
    expect(button).to_have_attribute("href", re.compile("line"))


@pytest.mark.parametrize("width", [1366, 390])
def test_a_toast_leaves_the_buttons_of_a_pane_free(furnished: DemoProcess, dana: Page, width: int) -> None:
    dana.set_viewport_size({"width": width, "height": 740})
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/clients/press-1/delete/")
    toast = "new CustomEvent('toast', {detail: {text: 'Something long enough to need two lines here.', kind: 'error'}})"
    dana.evaluate(f"document.dispatchEvent({toast})")
    shown = dana.locator("#toasts .message").bounding_box()
    foot = dana.locator(".pane-foot").bounding_box()
    assert shown is not None
    assert foot is not None
    beside = shown["x"] + shown["width"] <= foot["x"]
    above = shown["y"] + shown["height"] <= foot["y"]
    assert beside or above


def test_a_certificate_fills_the_form_and_typing_keeps_the_rest(
    furnished: DemoProcess, dana: Page, files: Path
) -> None:
    dana.goto(f"{furnished.wait_ready()['portal']}namespaces/1/create-client/")
    dana.locator("#id_certificate").set_input_files(files / "client.crt")
    expect(dana.locator("#client-form [data-code=proposed]")).to_be_visible()
    dana.get_by_label("Client name").fill("another")
    expect(dana.get_by_label("Client authentication name")).to_have_value("press-1")
    dana.locator("#id_validation_scheme").select_option("ThumbprintMatch")
    expect(dana.get_by_label("Primary Thumbprint")).to_have_value(re.compile("^[0-9a-f]{64}$"))


def test_arrow_keys_move_through_search_results(furnished: DemoProcess, dana: Page) -> None:
    dana.keyboard.press("Control+k")
    expect(dana.locator("#search")).to_be_focused()
    dana.keyboard.insert_text("press")  # at once: results of a part of it would be replaced beneath the arrow keys
    expect(dana.locator("#search-results .hit").first).to_be_visible()
    dana.keyboard.press("ArrowDown")
    dana.keyboard.press("Enter")
    expect(dana.get_by_role("heading", level=1)).to_contain_text("press-1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(furnished: DemoProcess, dana: Page, scheme: str) -> None:
    """Contrast, names, roles, landmarks: WCAG 2.2 AA as far as a program can tell."""
    base = furnished.wait_ready()["portal"]
    dana.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    found = []
    for path in PAGES if scheme == "light" else PAGES[::3]:  # the dark differs in colours alone
        dana.goto(base + path)
        results = Axe().run(dana, options=AXE_OPTIONS)
        found += [
            f"{path}: {each['id']}: {each['nodes'][0]['html'][:160]} {each['nodes'][0]['failureSummary'][:200]}"
            for each in results.response["violations"]
        ]
    assert not found, "\n".join(found)


def test_nothing_is_wider_than_a_narrow_screen(furnished: DemoProcess, dana: Page) -> None:
    base = furnished.wait_ready()["portal"]
    dana.set_viewport_size({"width": 360, "height": 740})
    wide = []
    for path in PAGES:
        dana.goto(base + path)
        if dana.evaluate("document.documentElement.scrollWidth") > 360:
            wide.append(path)
    assert not wide
