"""Files: thirty certificates, archives and tables become clients."""

import io
import json
import zipfile

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.samples.chain import SampleChain
from namespaces.actions import client_imports as actions
from namespaces.models import Client, ClientImport, Namespace
from portal.models import Activity, User
from tests.namespaces.client_imports.importing import (
    Verdict,
    bring,
    certificates,
    options,
    review,
    start,
    url,
    verdicts,
)
from tests.support.database.factories import make_ca_certificate, make_team

pytestmark = pytest.mark.django_db


TABLE = b"Machine,Login,Floor,Note\nm-1,l-1,2,x\nm-2,l-2,3,y\n"


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


def test_pasted_rows_are_read_with_and_without_headings(browser: Browser, place: Namespace) -> None:
    for pasted in ("name\tauth name\na\tb\n", "a\tb\n"):
        assert browser.post(url(place, "_files"), {"pasted": pasted}).status_code == 302
        wanted = ClientImport.objects.latest("pk").rows.get().wanted
        assert (wanted["name"], wanted["authentication_name"]) == ("a", "b")
    assert browser.post(url(place, "_files"), {}).status_code == 422


def test_the_list_of_clients_leads_to_the_import(browser: Browser, place: Namespace) -> None:
    page = browser.get(reverse("namespaces:client_list", args=[place.pk])).content.decode()
    assert url(place, "_files") in page


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
