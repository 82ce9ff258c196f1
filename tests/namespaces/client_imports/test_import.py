"""Files, Review, Import: thirty certificates and tables become clients, and each row says what is wrong with it."""

import csv
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from namespaces.actions import client_imports as actions
from namespaces.actions.clients import update_client
from namespaces.models import Client, ClientImport, ImportRow, Namespace, NamespaceRole, Role
from portal.models import Activity, Notice, User
from tests.support.browsing import signed_in
from tests.support.factories import (
    make_ca_certificate,
    make_client,
    make_namespace,
    make_team,
    make_user,
    owner_of,
)

pytestmark = pytest.mark.django_db
Verdict = ImportRow.Verdict


@pytest.fixture(scope="module")
def chain() -> SampleChain:
    return make_sample_chain([ClientName(f"press-{n}") for n in range(1, 4)], at=datetime.now(UTC))


@pytest.fixture
def place(ada: User) -> Namespace:
    return make_namespace(contributor=ada)


@pytest.fixture
def browser(ada: User) -> Browser:
    return signed_in(ada)


def url(place: Namespace, name: str, run: ClientImport | None = None) -> str:
    return reverse(f"namespaces:client_import{name}", args=[place.pk] if run is None else [place.pk, run.pk])


def bring(browser: Browser, place: Namespace, *files: tuple[str, bytes], **fields: Any) -> Any:
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return browser.post(url(place, "_files"), {"upload": sent, **fields})


def review(browser: Browser, place: Namespace, *files: tuple[str, bytes], **fields: Any) -> ClientImport:
    assert bring(browser, place, *files, **fields).status_code == 302
    run = ClientImport.objects.latest("pk")
    assert browser.get(url(place, "", run)).status_code == 200
    return run


def verdicts(run: ClientImport) -> dict[str, str]:
    return {str(row): row.verdict for row in run.rows.order_by("number")}


def start(browser: Browser, place: Namespace, run: ClientImport, which: str = "ready", **fields: Any) -> None:
    assert browser.post(url(place, "_start", run), {"import": which, **fields}).status_code == 302
    run.refresh_from_db()


def certificates(chain: SampleChain) -> list[tuple[str, bytes]]:
    return [(f"{n}.crt", each.certificate_pem.encode()) for n, each in enumerate(chain.clients, 1)]


def test_certificates_become_clients_of_a_team(
    browser: Browser, ada: User, place: Namespace, chain: SampleChain
) -> None:
    team = make_team("Line A", ada)
    make_ca_certificate(place, der=chain.intermediate.certificate_der)
    run = review(browser, place, *certificates(chain), team=team.pk)
    assert set(verdicts(run).values()) == {Verdict.NEW}
    assert not Client.objects.exists(), "nothing is saved before Import"
    start(browser, place, run)
    assert (run.state, run.total) == (ClientImport.State.WAITING, 3)
    actions.run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, run.imported) == (ClientImport.State.DONE, 3)
    rows = Client.objects.order_by("name")
    assert [(row.name, row.authentication_name, row.team, row.sync_state) for row in rows] == [
        (f"press-{n}", f"press-{n}", team, "Pending") for n in (1, 2, 3)
    ]
    created = Activity.objects.filter(verb="Create client")
    assert {entry.object_pk for entry in created} == {row.pk for row in rows}
    assert set(created.values_list("outcome", "team_name", "actor")) == {("pending", "Line A", ada.pk)}
    assert Activity.objects.get(verb="Import clients").after == {"imported": 3, "left_out": 0}
    page = browser.get(url(place, "", run)).content.decode()
    assert 'data-state="done"' in page
    assert 'data-imported="3"' in page


def test_a_zip_is_read_and_a_key_in_it_is_rejected_and_not_kept(
    browser: Browser, place: Namespace, chain: SampleChain
) -> None:
    make_ca_certificate(place, der=chain.intermediate.certificate_der)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("certs/press-1.crt", chain.clients[0].certificate_pem)
        archive.writestr("certs/press-1.key", chain.clients[0].key_pem)
        archive.writestr("__MACOSX/x", b"x")
    run = review(browser, place, ("all.zip", packed.getvalue()))
    assert verdicts(run) == {"all.zip/certs/press-1.crt": Verdict.NEW, "all.zip/certs/press-1.key": Verdict.PRIVATE_KEY}
    kept = json.dumps(list(run.rows.values()), default=str)
    assert chain.clients[0].key_pem.splitlines()[1].decode() not in kept
    assert run.rows.get(verdict=Verdict.PRIVATE_KEY).values == {}


def test_a_table_with_a_key_in_a_cell_is_not_kept(browser: Browser, place: Namespace, chain: SampleChain) -> None:
    key = chain.clients[0].key_pem.decode().replace("\n", "\\n")
    run = review(browser, place, ("a.csv", f'name,description\npress-1,fine\npress-2,"{key}"\n'.encode()))
    assert verdicts(run) == {"a.csv": Verdict.PRIVATE_KEY}


EACH = """Client name,Authentication name,Validation scheme,Thumbprints,Connection state,Description,attr.floor
new-1,new-1,Subject Matches Authentication Name,,Enabled,,2
same,same,SubjectMatchesAuthenticationName,,Enabled,,
other,other,dns,,disabled,changed,
theirs,theirs,,,,,
new-1,again,,,,,
new-2,same-name,,,,,
bad name!,x,,,,,
"""


@pytest.fixture
def each(place: Namespace) -> bytes:
    make_client(place, "same")
    make_client(place, "other", validation_scheme="DnsMatchesAuthenticationName")
    make_client(place, "theirs", team=make_team("Line C"))
    make_client(place, "holder", authentication_name="same-name")
    return EACH.encode()


def test_each_row_has_its_verdict_and_one_fix(browser: Browser, place: Namespace, each: bytes) -> None:
    run = review(browser, place, ("a.csv", each))
    assert [(row.place, row.verdict, row.fix, row.fix_value, row.is_chosen) for row in run.rows.order_by("number")] == [
        (2, Verdict.NEW, "", "", True),
        (3, Verdict.EXISTS, "open", "same", False),
        (4, Verdict.DIFFERS, "compare", "other", False),
        (5, Verdict.NAME_TAKEN, "rename", "theirs-b", False),
        (6, Verdict.DUPLICATE, "", "", False),
        (7, Verdict.NAME_TAKEN, "open", "holder", False),
        (8, Verdict.INVALID, "", "", False),
    ]
    page = browser.get(url(place, "", run)).content.decode()
    assert 'data-ready="1" data-total="7"' in page
    compared = re.findall(r'data-changed="(\w+)"', page)
    assert compared == ["state", "description"], "of the one that differs"
    assert "Line C" in page
    listed = browser.get(url(place, "_left", run))
    rows = list(csv.DictReader(io.StringIO(b"".join(listed).decode("utf-8-sig"))))
    assert [row["Verdict"] for row in rows] == [Verdict(v).label for v in list(verdicts(run).values())[1:]]


def test_a_fix_changes_its_row_and_what_differs_is_updated_when_chosen(
    browser: Browser, place: Namespace, each: bytes
) -> None:
    run = review(browser, place, ("a.csv", each))
    browser.post(url(place, "_fix", run), {"fix": "4"})
    renamed = run.rows.get(number=4)
    assert (renamed.verdict, renamed.wanted["name"], renamed.is_chosen) == (Verdict.NAME_TAKEN, "theirs-b", False)
    ticked: dict[str, Any] = {"shown": ["1", "3"], "tick": ["1", "3"]}
    start(browser, place, run, **ticked)
    actions.run_import(run.pk)
    outcomes = dict(run.rows.values_list("number", "outcome"))
    assert (outcomes[1], outcomes[3], set(outcomes.values())) == ("created", "updated", {"created", "updated", "left"})
    other = Client.objects.get(name="other")
    assert (other.description, other.state, other.generation) == ("changed", "Disabled", 2)
    assert Client.objects.get(name="new-1").attributes == {"floor": "2"}


def test_a_row_that_was_edited_after_the_review_is_left(browser: Browser, place: Namespace, each: bytes) -> None:
    run = review(browser, place, ("a.csv", each))
    start(browser, place, run, shown=["3"], tick=["3"])
    other = Client.objects.get(name="other")
    same = {name: getattr(other, name) for name in ("validation_scheme", "thumbprints", "state", "attributes")}
    update_client(owner_of(place), client=other, description="newer", **same)
    actions.run_import(run.pk)
    assert run.rows.get(number=3).outcome == "left"
    assert Client.objects.get(name="other").description == "newer"
    assert "changed after the review" in browser.get(url(place, "", run)).content.decode()


def test_without_its_issuer_a_certificate_takes_its_thumbprint(
    browser: Browser, place: Namespace, chain: SampleChain
) -> None:
    run = review(browser, place, *certificates(chain))
    assert set(verdicts(run).values()) == {Verdict.NO_ISSUER}
    browser.post(url(place, "_fix", run), {"fix_all": "no-issuer"})
    assert set(verdicts(run).values()) == {Verdict.NEW}
    start(browser, place, run, "all")
    actions.run_import(run.pk)
    assert set(Client.objects.values_list("validation_scheme", flat=True)) == {"ThumbprintMatch"}


def test_what_counts_for_all_rows_is_taken_where_a_row_has_none(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name,state,attr.hall\na,Enabled,7\nb,,\n"))
    options = {"options": "1", "state": "Disabled", "attributes-TOTAL_FORMS": "1", "attributes-INITIAL_FORMS": "0"}
    attribute = {"attributes-0-key": "hall", "attributes-0-type": "string", "attributes-0-value": "4"}
    assert browser.post(url(place, "_options", run), options | attribute).status_code == 302
    assert [(row.wanted["state"], row.wanted["attributes"]) for row in run.rows.all()] == [
        ("Enabled", {"hall": "7"}),
        ("Disabled", {"hall": "4"}),
    ]
    bad = browser.post(url(place, "_options", run), options | attribute | {"attributes-0-key": "no spaces"})
    assert bad.status_code == 422


def test_all_start_only_when_every_row_is_ready(browser: Browser, place: Namespace, each: bytes) -> None:
    run = review(browser, place, ("a.csv", each))
    start(browser, place, run, "all")
    assert run.state == ClientImport.State.REVIEW


def test_an_import_is_cancelled_and_resumed(
    browser: Browser, place: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "BATCH", 2)
    run = review(browser, place, ("a.csv", b"name\n" + b"\n".join(b"press-%d" % n for n in range(5))))
    start(browser, place, run)
    ClientImport.objects.update(state="running")
    assert actions.import_batch(run.pk)
    browser.post(url(place, "_cancel", run))
    assert not actions.import_batch(run.pk)
    assert Client.objects.count() == 2
    browser.post(url(place, "_resume", run))
    actions.run_import(run.pk)
    run.refresh_from_db()
    assert (run.state, run.done, run.imported, Client.objects.count()) == ("done", 5, 5, 5)


def test_rights_are_read_again_in_each_batch(
    browser: Browser, ada: User, place: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "BATCH", 2)
    run = review(browser, place, ("a.csv", b"name\na\nb\nc\n"))
    start(browser, place, run)
    ClientImport.objects.update(state="running")
    assert actions.import_batch(run.pk)
    NamespaceRole.objects.filter(user=ada).update(role=Role.READER)
    while actions.import_batch(run.pk):
        pass
    assert sorted(Client.objects.values_list("name", flat=True)) == ["a", "b"]
    assert run.rows.get(number=3).outcome == "left"


def test_names_taken_since_the_review_are_left_and_deleted_ones_revived(browser: Browser, place: Namespace) -> None:
    make_client(place, "going", deleted_at=timezone.now(), generation=2)
    run = review(browser, place, ("a.csv", b"name,authentication name\na,a\nb,b\nc,c\ngoing,going\n"))
    start(browser, place, run)
    make_client(place, "A", authentication_name="x")
    make_client(place, "y", authentication_name="B")
    actions.run_import(run.pk)
    assert [row.outcome for row in run.rows.all()] == ["left", "left", "created", "created"]
    revived = Client.objects.get(name="going")
    assert (revived.deleted_at, revived.generation) == (None, 3)


def test_no_more_clients_than_a_namespace_holds(browser: Browser, place: Namespace, settings: Any) -> None:
    settings.MAX_CLIENTS = 2
    run = review(browser, place, ("a.csv", b"name\na\nb\nc\n"))
    start(browser, place, run)
    actions.run_import(run.pk)
    assert [row.outcome for row in run.rows.all()] == ["created", "created", "left"]


def test_an_import_is_for_its_person_and_for_a_day(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    assert signed_in(owner_of(place)).get(url(place, "", run)).status_code == 404
    actions.forget_old_imports(timezone.now() + timedelta(hours=23))
    assert ClientImport.objects.exists()
    actions.forget_old_imports(timezone.now() + timedelta(hours=25))
    assert not ClientImport.objects.exists()
    assert browser.get(url(place, "", run)).status_code == 404


def test_numbers_of_an_import_are_kept_for_longer_than_its_rows(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    start(browser, place, run)
    actions.run_import(run.pk)
    actions.forget_old_imports(timezone.now() + timedelta(hours=25))
    assert not ImportRow.objects.exists()
    assert 'data-imported="1"' in browser.get(url(place, "", run)).content.decode()
    actions.forget_old_imports(timezone.now() + timedelta(days=31))
    assert not ClientImport.objects.exists()


def test_a_dead_worker_is_replaced(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    start(browser, place, run)
    ClientImport.objects.update(state="running", touched_at=timezone.now())
    assert actions.waiting_imports(timezone.now()) == []
    assert actions.waiting_imports(timezone.now() + actions.DEAD_AFTER * 2) == [run.pk]


def test_a_client_manager_imports_for_their_team_only(place: Namespace) -> None:
    lee = make_user("lee")
    mine, theirs = make_team("Line A", lee), make_team("Line B")
    NamespaceRole.objects.create(namespace=place, user=lee, role=Role.CLIENT_MANAGER)
    browser = signed_in(lee)
    assert bring(browser, place, ("a.csv", b"name\na\n"), team=theirs.pk).status_code == 422
    run = review(browser, place, ("a.csv", b"name\na\n"), team=mine.pk)
    start(browser, place, run)
    actions.run_import(run.pk)
    assert Client.objects.get().team == mine


def test_pasted_rows_are_read_with_and_without_headings(browser: Browser, place: Namespace) -> None:
    for pasted in ("name\tauth name\na\tb\n", "a\tb\n"):
        assert browser.post(url(place, "_files"), {"pasted": pasted}).status_code == 302
        wanted = ClientImport.objects.latest("pk").rows.get().wanted
        assert (wanted["name"], wanted["authentication_name"]) == ("a", "b")
    assert browser.post(url(place, "_files"), {}).status_code == 422


def test_an_import_is_discarded(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\n"))
    assert browser.post(url(place, "_discard", run)).status_code == 302
    assert not ImportRow.objects.exists()


def test_the_list_of_clients_leads_to_the_import(browser: Browser, place: Namespace) -> None:
    page = browser.get(reverse("namespaces:client_list", args=[place.pk])).content.decode()
    assert url(place, "_files") in page


@pytest.fixture
def hidden(place: Namespace, chain: SampleChain, ada: User) -> Namespace:
    """The place, where another team has a client, a name and the CA certificate that signed the devices, all hidden from Ada."""
    zulu = make_team("Zulu")
    Namespace.objects.update(hides_other_teams=True)
    make_client(place, "press-1", team=zulu, description="secret")
    make_client(place, "zulu-holder", authentication_name="press-2", team=zulu)
    make_ca_certificate(place, "zulu-ca", der=chain.intermediate.certificate_der, team=zulu)
    make_team("Line A", ada)
    return place


def test_names_of_other_teams_are_taken_and_not_shown(browser: Browser, hidden: Namespace, chain: SampleChain) -> None:
    run = review(browser, hidden, *certificates(chain))
    assert list(run.rows.values_list("verdict", "fix", "fix_value")) == [
        (Verdict.NAME_TAKEN, "rename", "press-1-b"),
        (Verdict.NAME_TAKEN, "", ""),
        (Verdict.NEW, "", ""),
    ]
    shown = browser.get(url(hidden, "", run)).content.decode().lower()
    assert "zulu" not in shown
    assert "secret" not in shown
    assert "zulu" not in json.dumps(list(run.rows.values()), default=str).lower()


def test_names_that_other_teams_took_since_the_review_are_not_shown(browser: Browser, hidden: Namespace) -> None:
    run = review(browser, hidden, ("a.csv", b"name,authentication name\na,a\nb,b\n"))
    start(browser, hidden, run)
    zulu = Client.objects.get(name="press-1").team
    make_client(hidden, "A", authentication_name="zulu-a", team=zulu)
    make_client(hidden, "zulu-b", authentication_name="B", team=zulu)
    actions.run_import(run.pk)
    assert [row.outcome for row in run.rows.all()] == ["left", "left"]
    assert "zulu" not in browser.get(url(hidden, "", run)).content.decode().lower()
    assert "zulu" not in b"".join(browser.get(url(hidden, "_left", run))).decode().lower()


def test_the_entry_of_an_import_is_hidden_where_its_clients_are(browser: Browser, hidden: Namespace, ada: User) -> None:
    lee = make_user("lee")
    NamespaceRole.objects.create(namespace=hidden, user=lee, role=Role.READER)
    run = review(browser, hidden, ("a.csv", b"name\na\n"), team=ada.teams.get().pk)
    start(browser, hidden, run)
    actions.run_import(run.pk)
    log = reverse("namespaces:namespace_activity", args=[hidden.pk])
    assert "Import clients" in browser.get(log).content.decode()
    assert "Import clients" not in signed_in(lee).get(log).content.decode()


TABLE = b"Machine,Login,Floor,Note\nm-1,l-1,2,x\nm-2,l-2,3,y\n"


def options(**more: str) -> dict[str, str]:
    return {"options": "1", "attributes-TOTAL_FORMS": "0", "attributes-INITIAL_FORMS": "0", **more}


def test_columns_are_chosen_where_headings_are_not_known(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", TABLE))
    assert set(verdicts(run).values()) == {Verdict.INVALID}
    assert set(run.rows.values_list("problem", flat=True)) == {"no-name-column"}
    page = browser.get(url(place, "", run)).content.decode()
    assert all(f'name="column-0-{number}"' in page for number in range(4))
    chosen = {
        "column-0-0": "name",
        "column-0-1": "authentication_name",
        "column-0-2": "attribute:Floor",
        "column-0-3": "",
    }
    assert browser.post(url(place, "_options", run), options(**chosen)).status_code == 302
    assert set(verdicts(run).values()) == {Verdict.NEW}
    first = run.rows.get(number=1)
    assert (first.wanted["name"], first.wanted["authentication_name"]) == ("m-1", "l-1")
    assert (first.wanted["attributes"], first.wanted["description"], first.is_chosen) == ({"Floor": "2"}, "", True)


@pytest.mark.parametrize(("column", "code"), [("name", "same-heading"), ("nonsense", "invalid_choice")])
def test_columns_that_cannot_be_read_so_change_nothing(
    browser: Browser, place: Namespace, column: str, code: str
) -> None:
    run = review(browser, place, ("a.csv", TABLE))
    answer = browser.post(url(place, "_options", run), options(**{"column-0-0": "name", "column-0-1": column}))
    assert answer.status_code == 422
    assert f'data-code="{code}"' in answer.content.decode()
    assert set(verdicts(run).values()) == {Verdict.INVALID}


def test_what_counts_for_all_rows_is_kept_by_every_button(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"name\na\nb\n"))
    start(browser, place, run, **options(state="Disabled"), shown=["1", "2"], tick=["2"])
    assert run.state == "waiting", "no verdict changed, so it starts"
    actions.run_import(run.pk)
    assert list(Client.objects.values_list("name", "state")) == [("b", "Disabled")]


def test_an_import_waits_for_another_look_where_verdicts_change(
    browser: Browser, place: Namespace, chain: SampleChain
) -> None:
    run = review(browser, place, *certificates(chain))
    start(browser, place, run, **options(validation_scheme="ThumbprintMatch"))
    assert run.state == "review"
    assert set(verdicts(run).values()) == {Verdict.NEW}


def test_a_ca_certificate_is_no_client_and_a_forged_issuer_is_not_trusted(
    browser: Browser, place: Namespace, chain: SampleChain
) -> None:
    make_ca_certificate(place, der=chain.intermediate.certificate_der)
    names = [ClientName("press-1"), ClientName("press-2")]
    forged = make_sample_chain(names, at=datetime.now(UTC))  # the same names, and other keys
    run = review(
        browser,
        place,
        ("ca.crt", chain.intermediate.certificate_pem.encode()),
        ("1.crt", chain.clients[0].certificate_pem.encode()),
        ("2.crt", forged.clients[1].certificate_pem.encode()),
    )
    assert forged.intermediate.subject == chain.intermediate.subject
    assert list(run.rows.values_list("verdict", "problem", "fix")) == [
        (Verdict.INVALID, "ca-certificate", "upload-ca"),
        (Verdict.NEW, "", ""),
        (Verdict.NO_ISSUER, "", "use-thumbprint"),
    ]


def test_one_notice_reports_the_result(browser: Browser, place: Namespace, ada: User) -> None:
    run = review(browser, place, ("a.csv", b"name\na\nb c\n"))
    start(browser, place, run)
    actions.run_import(run.pk)
    notice = Notice.objects.get(event="import_done", recipients__user=ada)
    assert (notice.url, notice.subject[:6]) == (url(place, "", run), "1 of 1")
    result = list(csv.DictReader(io.StringIO(b"".join(browser.get(url(place, "_result", run))).decode("utf-8-sig"))))
    assert [row["Result"] for row in result] == ["Created", "Left out"]


def test_what_a_file_does_not_state_stays_as_it_is(browser: Browser, place: Namespace, chain: SampleChain) -> None:
    make_ca_certificate(place, der=chain.intermediate.certificate_der)
    make_client(place, "press-1", description="kept", attributes={"hall": "4"}, state="Disabled")
    old = "ab" * 32
    make_client(place, "press-2", validation_scheme="ThumbprintMatch", thumbprints=[old])
    run = review(browser, place, *certificates(chain), ("a.csv", b"name,attr.floor\npress-9,1\n"))
    assert [row.verdict for row in run.rows.all()] == ["exists", "differs", "new", "new"]
    second = run.rows.get(number=2).wanted
    assert second["thumbprints"] == [run.rows.get(number=2).certificate["thumbprint"], old]
    changed = review(browser, place, ("a.csv", b"name,attr.floor\npress-1,2\n"))
    start(browser, place, changed, shown=["1"], tick=["1"])
    actions.run_import(changed.pk)
    row = Client.objects.get(name="press-1")
    assert (row.description, row.attributes, row.state) == ("kept", {"hall": "4", "floor": "2"}, "Disabled")


def test_a_first_row_turns_out_to_have_headings(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, ("a.csv", b"Maschine;Etage\nm-1;1\nm-2;2\n"))
    assert [row.wanted["name"] for row in run.rows.all()] == ["Maschine", "m-1", "m-2"]
    chosen = {"headings-0": "on", "column-0-0": "name", "column-0-1": "description"}
    assert browser.post(url(place, "_options", run), options(**chosen)).status_code == 302
    assert [(row.wanted["name"], row.wanted["description"]) for row in run.rows.all()] == [("m-1", "1"), ("m-2", "2")]
    run.refresh_from_db()
    assert run.tables[0]["headings"] == ["Maschine", "Etage"]
    page = browser.get(url(place, "", run)).content.decode()
    assert 'name="headings-0"' not in page
    assert browser.post(url(place, "_options", run), options(**chosen)).status_code == 302
    assert run.rows.count() == 2


def test_files_beyond_the_limit_are_refused_together(browser: Browser, place: Namespace) -> None:
    half = b"name\n" + b"a" * 10_000_000
    answer = bring(browser, place, ("a.csv", half), ("b.csv", half))
    assert answer.status_code == 422
    assert answer.context["form"].errors.as_data()["upload"][0].code == "too-large"
    assert not ClientImport.objects.exists()


def test_hundreds_of_files_are_read_at_once(browser: Browser, place: Namespace) -> None:
    run = review(browser, place, *((f"{number}.csv", b"name\npress-%d\n" % number) for number in range(300)))
    assert run.rows.filter(verdict=Verdict.NEW).count() == 300
    assert run.title == "300 files"
