"""Review: each row says what is wrong with it, and offers one fix."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser

from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from namespaces.actions import client_imports as actions
from namespaces.actions.clients import update_client
from namespaces.models import Client, ClientImport, Namespace
from tests.namespaces.client_imports.importing import (
    Verdict,
    certificates,
    options,
    review,
    start,
    url,
    verdicts,
)
from tests.support.database.factories import make_ca_certificate, make_client, make_team, owner_of

pytestmark = pytest.mark.django_db


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
