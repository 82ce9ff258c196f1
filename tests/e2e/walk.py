"""Every page of a filled demo, by the person who opens it, and what is done on it before its picture is taken."""

import re
from datetime import UTC, datetime

from playwright.sync_api import FilePayload, Page, expect

from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from tests.e2e.test_account import code_of
from tests.e2e.training_walk import TRAINING
from tests.e2e.walk_stops import Stop

PLANT, LAB = "namespaces/1/", "namespaces/2/"


def stranger() -> SampleChain:
    """Return certificates that no namespace trusts."""
    return make_sample_chain([ClientName("press-1")], at=datetime.now(UTC), label="Stranger")


def _drop(page: Page, selector: str, file: str, certificate: str) -> None:
    content = FilePayload(name=file, mimeType="application/x-x509-ca-cert", buffer=certificate.encode())
    page.locator(selector).set_input_files(content)


def check_on_home(page: Page) -> None:
    _drop(page, "#id_file", "press-1.crt", stranger().clients[0].certificate_pem)
    expect(page.locator("#checked [data-verdict]")).to_be_visible()


def choose_a_client_certificate(page: Page) -> None:
    _drop(page, "#id_file", "press-1.crt", stranger().clients[0].certificate_pem)
    expect(page.locator("#id_file_error")).to_be_visible()


def choose_a_ca_certificate(page: Page) -> None:
    _drop(page, "#id_file", "intermediate_ca.crt", stranger().intermediate.certificate_pem)
    expect(page.locator("#verdict .message")).to_be_visible()


def choose_the_clients_certificate(page: Page) -> None:
    _drop(page, "#id_certificate", "press-1.crt", stranger().clients[0].certificate_pem)
    expect(page.locator("#id_name")).to_have_value("press-1")


def test_a_certificate(page: Page) -> None:
    page.get_by_label("MQTT user name").fill("press-a-03")
    _drop(page, "#id_file", "press-1.crt", stranger().clients[0].certificate_pem)
    expect(page.locator("#result .message").first).to_be_visible()


def send_an_empty_form(page: Page) -> None:
    page.locator("form[novalidate]").last.get_by_role("button").last.click()
    expect(page.locator('[aria-invalid="true"]').first).to_be_visible()


def sign_in_wrongly(page: Page) -> None:
    page.get_by_label("User name").fill("dana")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator('[data-code="sign-in-failed"]')).to_be_visible()


def move_the_slider(page: Page) -> None:
    said = page.get_by_role("status").filter(has_text="enabled client").inner_text()
    page.locator("#day").fill("200")
    expect(page).to_have_url(re.compile(r"day=200"))
    expect(page.get_by_role("status").filter(has_text="enabled client")).not_to_have_text(said)


def ask_for_a_nonce(page: Page) -> None:
    page.get_by_role("button", name="Get a nonce").or_(page.get_by_role("button", name="Get another")).click()
    expect(page.locator("[data-nonce]")).to_be_visible()


def open_the_revocation(page: Page) -> None:
    page.locator("#main").get_by_role("link", name="Revoke").first.click()
    expect(page.get_by_label("Reason")).to_be_visible()


def search(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("press-a")
    expect(page.locator("#search-results .hit").first).to_be_visible()


def open_the_bell(page: Page) -> None:
    page.get_by_role("banner").get_by_role("link", name="Notifications").click()
    expect(page.locator("#pane .pane")).to_be_visible()


def select_three(page: Page) -> None:
    boxes = page.locator('tbody input[type="checkbox"]')
    for number in range(3):
        boxes.nth(number).check()


def make_samples(page: Page) -> None:
    page.get_by_label("Client authentication name").first.fill("press-1")
    page.get_by_role("button", name="Create certificates").last.click()
    expect(page.get_by_role("link", name="Download ZIP")).to_be_visible()


def open_the_first_trace(page: Page) -> None:
    page.goto(page.locator(".attempt a[hx-target^='#trace-']").first.evaluate("link => link.href"))
    expect(page.locator(".trace")).to_be_visible()


def open_the_first_entry(page: Page) -> None:
    page.locator("main a[href*='/timeline/']").first.click()
    expect(page.locator("h1")).to_be_visible()


def open_the_first_difference(page: Page) -> None:
    page.goto(f"{page.url}1/")


def add_an_app(page: Page) -> None:
    secret = (page.locator("[data-secret]").text_content() or "").replace(" ", "")
    page.get_by_role("textbox", name="Code").fill(code_of(secret, 0))
    page.get_by_role("button", name="Turn on").click()
    expect(page).to_have_url(re.compile("/account/two-step/"))


def sign_in_with_a_code(page: Page) -> None:
    page.context.clear_cookies()
    page.reload()
    page.locator('button[name="account"][value="rita"]').click()
    expect(page).to_have_url(re.compile("/sign-in/code/"))


def invite(page: Page) -> None:
    page.locator("#id_first_name").fill("Nora")
    page.locator("#id_last_name").fill("New")
    page.locator("#id_email").fill("nora@example.com")
    page.locator(".pane-foot button").click()
    expect(page.locator("[data-link]")).to_be_visible()


def disable(page: Page) -> None:
    page.locator(".pane-foot button").click()
    expect(page.locator("#people")).to_contain_text("Disabled")


def create_a_webhook(page: Page) -> None:
    page.locator("#id_name").fill("Plant chat")
    page.get_by_label("Address").fill("https://93.184.215.14/portal")  # nothing is sent
    page.get_by_label("Unknown CA certificate in Azure").check()
    page.get_by_role("button", name="Create").click()
    expect(page.locator("[data-signing-key]")).to_be_visible()


def review_an_import(page: Page) -> None:
    page.locator("#id_pasted").fill(PASTED)
    page.get_by_role("button", name="Review").click()
    expect(page.locator("[data-ready]")).to_be_visible()


def import_what_is_ready(page: Page) -> None:
    review_an_import(page)
    page.get_by_role("button", name=re.compile("^Import 3 ")).click()
    expect(page.locator('[data-state="done"]')).to_be_visible()


def have_a_change_rejected(page: Page) -> None:
    """Take the portal's permissions away for a while, and create a client."""
    page.locator('input[name="fault"][value="forbidden"]').check()
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator('[data-fault="forbidden"]')).to_be_visible()
    emulator = page.url
    page.goto(emulator.replace("emulator/", "create-client/"))
    page.get_by_label("Client name").first.fill("welder-1")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="welder-1")).to_contain_text("Failed")
    page.goto(emulator)


CLIENT, CA = f"{PLANT}clients/press-a-03/", f"{PLANT}ca-certificates/line-a-2026/"
RULES = {
    "client-group": f"{PLANT}client-groups/presses/",
    "topic-space": f"{PLANT}topic-spaces/machines/",
    "permission-binding": f"{PLANT}permission-bindings/machines-publisher/",
}
TABS = ("activity", "json", "commands")
PASTED = f"""name,authentication_name,validation_scheme,thumbprints
welder-2,welder-2,ThumbprintMatch,{"1" * 64}
welder-3,welder-3,ThumbprintMatch,{"2" * 64}
welder-4,welder-4,SubjectMatchesAuthenticationName,
welder-4,welder-4,SubjectMatchesAuthenticationName,
wrong name,x,ThumbprintMatch,12
"""

NOBODY = (
    Stop("sign-in", "sign-in/", opens="portal:sign_in"),
    Stop("class-join", "join/"),
    Stop("sign-in-wrong", "sign-in/?next=/people/", sign_in_wrongly),
    Stop("sign-in-reset", "sign-in/reset/"),
    Stop("sign-in-reset-sent", "sign-in/reset/sent/"),
    Stop("sign-in-reset-wrong", "sign-in/reset/1/1-wrong/"),
    Stop("sign-in-reset-done", "sign-in/reset/done/"),
    Stop("link-wrong", "sign-in/link/wrong/"),
    Stop("email-verify-wrong", "account/email/verify/wrong/"),
)


def _of_a_resource(stem: str, one: str, pages: tuple[str, ...]) -> tuple[Stop, ...]:
    return tuple(
        Stop(f"{stem}-{page}".strip("-").replace("/", "-"), f"{one}{page}/".replace("//", "/")) for page in pages
    )


TEAM_MEMBER = (
    Stop("home", "home/"),
    Stop("home-check", "home/", check_on_home),
    Stop("check-certificate", "check-certificate/"),
    Stop("namespaces", "namespaces/"),
    Stop("overview", PLANT),
    Stop("overview-empty", LAB),
    Stop("activity", f"{PLANT}activity/"),
    Stop("timeline", f"{PLANT}activity/", open_the_first_entry, "sync:timeline"),
    Stop("access-control", f"{PLANT}access-control/"),
    Stop("who-can", f"{PLANT}access-control/who/"),
    Stop("clients", f"{PLANT}clients/"),
    Stop("clients-selected", f"{PLANT}clients/", select_three),
    Stop("clients-filtered", f"{PLANT}clients/?q=press&state=Enabled"),
    Stop("clients-nothing-found", f"{PLANT}clients/?q=nothing-of-this-name"),
    Stop("clients-change", f"{PLANT}change-clients/?which=all&change=disable"),
    Stop("clients-empty", f"{LAB}clients/"),
    Stop("client", CLIENT),
    *_of_a_resource("client", CLIENT, ("try-it", "activity", "json", "commands", "update", "delete")),
    Stop("client-renew", f"{CLIENT}renew/"),
    Stop("client-change-authentication-name", f"{CLIENT}change-authentication-name/"),
    Stop("client-create", f"{PLANT}create-client/"),
    Stop("client-create-proposed", f"{PLANT}create-client/", choose_the_clients_certificate),
    Stop("client-create-errors", f"{PLANT}create-client/", send_an_empty_form),
    Stop("import-files", f"{PLANT}import-clients/"),
    Stop("ca-certificates", f"{PLANT}ca-certificates/"),
    Stop("ca-certificates-empty", f"{LAB}ca-certificates/"),
    Stop("ca-certificate", CA),
    *_of_a_resource("ca-certificate", CA, ("clients", "activity", "json", "commands", "update", "delete")),
    Stop("ca-certificate-replace", f"{CA}replace/"),
    Stop("ca-certificate-possession", f"{CA}possession/", ask_for_a_nonce),
    Stop("ca-certificate-replaced-by", f"{CA}replace/?by=line-b-2027"),
    Stop("rules", f"{PLANT}rules/"),
    Stop("revocation-lists", f"{PLANT}revocation-lists/"),
    Stop("revocation-list", f"{CA}revocation-list/"),
    Stop("ca-certificate-vouches-for", f"{CA}vouches-for/"),
    Stop("ca-certificate-first-contact", f"{CA}first-contact/"),
    Stop("waiting-devices", f"{PLANT}waiting-devices/"),
    Stop("blocked-names", f"{PLANT}blocked-names/"),
    Stop("revoked-certificates", f"{PLANT}revoked-certificates/"),
    Stop("revoke-another", f"{PLANT}revoked-certificates/revoke-another/"),
    Stop("client-certificates", f"{CLIENT}certificates/"),
    Stop("certificate-revoke", f"{CLIENT}certificates/", open_the_revocation, "certificates:certificate_revoke"),
    Stop("upload", f"{PLANT}upload-certificate/"),
    Stop("upload-good", f"{PLANT}upload-certificate/", choose_a_ca_certificate),
    Stop("upload-client-certificate", f"{PLANT}upload-certificate/", choose_a_client_certificate),
    Stop("client-groups", f"{PLANT}client-groups/"),
    Stop("client-group-create", f"{PLANT}create-client-group/"),
    Stop("query-builder", f"{PLANT}query-builder/?query=attributes.type+%3D+%27press%27"),
    Stop("topic-spaces", f"{PLANT}topic-spaces/"),
    Stop("topic-space-create", f"{PLANT}create-topic-space/"),
    Stop("permission-bindings", f"{PLANT}permission-bindings/"),
    Stop("permission-binding-create", f"{PLANT}create-permission-binding/"),
    *(stop for stem, one in RULES.items() for stop in _of_a_resource(stem, one, ("", *TABS, "update", "delete"))),
    Stop("configuration", f"{PLANT}configuration/"),
    *_of_a_resource("configuration", f"{PLANT}configuration/", ("activity", "json", "commands")),
    Stop("connections", f"{PLANT}connections/"),
    Stop("connections-refused", f"{PLANT}connections/?result=refused"),
    Stop("connections-messages", f"{PLANT}connections/refused/"),
    Stop("connections-issuer-alarms", f"{PLANT}connections/issuer-alarms/"),
    Stop("connection", f"{PLANT}connections/?result=refused", open_the_first_trace, "namespaces:connection_detail"),
    Stop("expiries", f"{PLANT}expiries/"),
    Stop("expiry-impact", f"{PLANT}expiries/impact/", move_the_slider),
    Stop("sync", f"{PLANT}sync/"),
    Stop("sync-refused", f"{PLANT}sync/refused/"),
    Stop("drift", f"{PLANT}drift/"),
    Stop("drift-one", f"{PLANT}drift/", open_the_first_difference, "sync:drift_detail"),
    Stop("export-template", f"{PLANT}export-template/"),
    Stop("test-authentication", f"{PLANT}test-authentication/"),
    Stop("test-authentication-result", f"{PLANT}test-authentication/", test_a_certificate),
    Stop("test-permission", f"{PLANT}test-permission/"),
    Stop("test-permission-denied", f"{PLANT}test-permission/?client=press-a-03&permission=Publisher&topic=other/1"),
    Stop("sample-certificates", f"{PLANT}sample-certificates/"),
    Stop("sample-certificates-made", f"{LAB}sample-certificates/", make_samples),
    Stop("emulator", f"{PLANT}emulator/"),
    Stop("devices", "lab/1/devices/"),
    Stop("shared-attempts", "lab/1/shared-attempts/"),
    Stop("lab", "lab/"),
    Stop("namespace-import", f"{PLANT}import/"),
    Stop("sync-all", "sync/"),
    Stop("account", "account/"),
    *_of_a_resource("account", "account/", ("sessions", "notifications", "email", "two-step", "confirm")),
    Stop("notifications", "notifications/"),
    Stop("bell", "notifications/", open_the_bell),
    Stop("help", "help/"),
    Stop("search", "search/?q=press"),
    Stop("search-palette", PLANT, search),
    Stop("signed-in-again", "session/signed-in/"),
    Stop("ask-for-access", "namespaces/ask-for-access/"),
    Stop("refused", "people/"),
    Stop("not-found", "namespaces/99/"),
)

ADMINISTRATOR = (
    Stop("home-admin", "home/"),
    Stop("namespaces-admin", "namespaces/"),
    Stop("overview-admin", PLANT),
    Stop("access-control-admin", f"{PLANT}access-control/"),
    Stop("other-teams", f"{PLANT}access-control/other-teams/"),
    Stop("approval-policy", f"{PLANT}access-control/approval-policy/"),
    Stop("change-sets", f"{PLANT}change-sets/"),
    Stop("configuration-authentication", f"{PLANT}configuration/authentication/"),
    Stop("configuration-possession", f"{PLANT}configuration/possession/"),
    Stop("role-add", f"{PLANT}add-role-assignment/"),
    Stop("role-delete", f"{PLANT}access-control/1/remove/"),
    *(
        Stop(f"{stem}-team", f"{one}team/")
        for stem, one in (("client", CLIENT), ("ca-certificate", CA), *RULES.items())
    ),
    Stop("ca-certificate-delete-admin", f"{CA}delete/"),
    Stop("disconnect", f"{PLANT}disconnect/"),
    Stop("connect", "namespaces/connect/"),
    Stop("import-review", f"{LAB}import-clients/", review_an_import, "namespaces:client_import"),
    Stop("import-done", f"{LAB}import-clients/", import_what_is_ready, "namespaces:client_import"),
    Stop("emulator-fault", f"{LAB}emulator/", have_a_change_rejected),
    Stop("clients-failed", f"{LAB}clients/"),
    Stop("client-failed", f"{LAB}clients/welder-1/"),
    Stop("sync-rejected", f"{LAB}sync/refused/"),
    Stop("sync-retry", f"{LAB}sync/retry/"),
    Stop("sync-discard", f"{LAB}sync/discard/"),
    Stop("overview-rejected", LAB),
    Stop("portal-activity", "namespaces/activity/"),
    Stop("people", "people/"),
    Stop("person", "people/2/"),
    *_of_a_resource(
        "person", "people/2/", ("edit", "give-role", "disable", "make-administrator", "sign-out", "password-link")
    ),
    Stop("person-remove-administrator", "people/1/remove-administrator/"),
    Stop("person-reset-two-step", "people/4/reset-two-step/"),
    Stop("invite", "people/invite/"),
    Stop("invited", "people/invite/", invite),
    Stop("invitation", "people/invitations/1/"),
    Stop("person-disabled", "people/3/disable/", disable),
    Stop("person-enable", "people/3/enable/"),
    Stop("person-create", "people/create/"),
    Stop("teams", "teams/"),
    Stop("team", "teams/1/"),
    *_of_a_resource("team", "teams/1/", ("rename", "delete", "invite", "add-member", "members/2/remove")),
    Stop("team-create", "teams/create/"),
    Stop("team-notifications", "account/notifications/teams/1/"),
    Stop("outbox", "outbox/"),
    Stop("webhooks", "webhooks/"),
    Stop("webhook-create", "webhooks/create/"),
    Stop("webhook-created", "webhooks/create/", create_a_webhook),
    *_of_a_resource("webhook", "webhooks/1/", ("", "update", "rotate", "delete")),
    *TRAINING,  # last: of what it leaves, other pages would show something
)
# Rita reads the plant. As an Owner of the lab, she sees what owners see.
OWNER = (
    Stop("home-owner", "home/"),
    Stop("overview-owner", LAB),
    Stop("access-control-owner", f"{LAB}access-control/"),
    Stop("clients-reader", f"{PLANT}clients/"),
    Stop("ca-certificate-reader", CA),
    Stop("ask-for-a-role", f"{PLANT}ask-for-access/"),
    Stop("two-step-add", "account/two-step/app/"),
    Stop("two-step-added", "account/two-step/app/", add_an_app),
    *_of_a_resource("two-step", "account/two-step/", ("", "codes", "codes/new", "app/remove")),
    Stop("confirm-code", "account/confirm/code/"),
    Stop("sign-in-code", "sign-in/", sign_in_with_a_code, "mfa_authenticate"),
)
WALK: dict[str, tuple[Stop, ...]] = {
    "dana": TEAM_MEMBER,
    "rita": OWNER,
    "admin": ADMINISTRATOR,
    "nobody": NOBODY,
}
