"""The panel of the lab: over HTTP, with and without htmx."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.samples.chain import ClientName, make_sample_chain
from lab.actions.exercises.progress import begin
from lab.catalogue.reading import exercise as exercise_of
from lab.models import Enrolment, Progress
from namespaces.models import Namespace
from portal.models import User
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_namespace, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_lab", "azure")]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def trainee() -> User:
    return make_user("tia")


@pytest.fixture
def place(trainee: User) -> Namespace:
    return make_namespace("training", owner=trainee)


@pytest.fixture
def browser(client: Browser, trainee: User, place: Namespace) -> Browser:
    client.login(username="tia", password=PASSWORD)
    return client


def start(trainee: User, place: Namespace, slug: str) -> Any:
    found = exercise_of(slug)
    assert found is not None
    return begin(trainee, namespace=place, exercise=found)


def progress(slug: str) -> Progress:
    return Progress.objects.get(exercise=slug)


def wrong_turn_on(page: str) -> str:
    found = re.search(r'data-wrong-turn="([^"]*)"', page)
    return found[1] if found else ""


def test_there_is_no_lab_without_an_emulator(browser: Browser, settings: Any) -> None:
    settings.FAULT_CONTROL_GATEWAY = ""
    assert browser.get(reverse("lab:home")).status_code == 404
    assert browser.post(reverse("lab:watch")).status_code == 404


def test_a_leaf_in_the_upload_pane_is_named_as_a_wrong_turn(browser: Browser, trainee: User, place: Namespace) -> None:
    begun = start(trainee, place, "upload-the-ca")
    leaf = begun.chain.clients[0].certificate_pem
    check = reverse("certificates:ca_certificate_check_file", args=[place.pk])
    browser.post(check, {"pem": leaf}, headers=HTMX)
    panel = browser.post(reverse("lab:watch"), headers=HTMX).content.decode()
    assert wrong_turn_on(panel) == "upload:leaf"
    assert "press-1.crt" in panel
    assert 'class="taken"' in panel
    assert 'class="wanted"' in panel


def test_a_refused_upload_without_htmx_is_named_too(browser: Browser, trainee: User, place: Namespace) -> None:
    begun = start(trainee, place, "upload-the-ca")
    url = reverse("certificates:ca_certificate_upload", args=[place.pk])
    browser.post(url, {"name": "mine", "pem": begun.chain.clients[0].certificate_pem})
    assert progress("upload-the-ca").wrong_turn == "upload:leaf"
    page = browser.get(reverse("lab:exercise")).content.decode()
    assert wrong_turn_on(page) == "upload:leaf"


def test_a_private_key_is_named_and_kept_nowhere(browser: Browser, trainee: User, place: Namespace) -> None:
    begun = start(trainee, place, "upload-the-ca")
    key = begun.chain.clients[0].key_pem.decode()
    browser.post(reverse("certificates:ca_certificate_check_file", args=[place.pk]), {"pem": key}, headers=HTMX)
    found = progress("upload-the-ca")
    assert found.wrong_turn == "upload:private-key"
    assert "PRIVATE KEY" not in str((found.facts, found.met, found.wrong_turn_facts))


def test_the_root_instead_of_the_intermediate_is_named(browser: Browser, trainee: User, place: Namespace) -> None:
    begun = start(trainee, place, "upload-the-ca")
    row = make_ca_certificate(place, "root", der=begun.chain.root.certificate_der)
    assert wrong_turn_on(browser.post(reverse("lab:watch"), headers=HTMX).content.decode()) == "row:ca_uploaded:root_ca"
    row.delete()
    assert wrong_turn_on(browser.post(reverse("lab:watch"), headers=HTMX).content.decode()) == ""


def test_done_the_moment_it_is_true(browser: Browser, trainee: User, place: Namespace) -> None:
    begun = start(trainee, place, "upload-the-ca")
    make_ca_certificate(place, "mine", der=begun.chain.intermediate.certificate_der)
    panel = browser.post(reverse("lab:watch"), headers=HTMX).content.decode()
    assert 'data-lab-state="done"' in panel
    assert 'id="lab-poll"' not in panel
    assert progress("upload-the-ca").done_at is not None


def test_a_poll_without_news_has_no_answer(browser: Browser, trainee: User, place: Namespace) -> None:
    start(trainee, place, "upload-the-ca")
    page = browser.post(reverse("lab:watch"), headers=HTMX).content.decode()
    version = re.search(r'name="version" value="(\w+)"', page)
    assert version is not None
    assert browser.post(reverse("lab:watch"), {"version": version[1]}, headers=HTMX).status_code == 204


def test_the_panel_is_beside_every_page_and_remembers_that_it_is_folded(
    browser: Browser, trainee: User, place: Namespace
) -> None:
    overview = reverse("namespaces:namespace_overview", args=[place.pk])
    assert 'id="lab"' not in browser.get(overview).content.decode()
    start(trainee, place, "upload-the-ca")
    assert 'class="lab"' in browser.get(overview).content.decode()
    browser.post(reverse("lab:fold"), {"folded": "yes", "next": overview})
    assert 'class="lab folded"' in browser.get(overview).content.decode()
    browser.post(reverse("lab:close"))
    assert 'id="lab"' not in browser.get(overview).content.decode()
    assert Enrolment.objects.get().exercise == "upload-the-ca"


def test_hints_open_one_by_one(browser: Browser, trainee: User, place: Namespace) -> None:
    start(trainee, place, "upload-the-ca")
    for number in (1, 2, 3, 3):
        browser.post(reverse("lab:hint"))
        assert progress("upload-the-ca").hints_opened == number


def test_a_skipped_exercise_still_watches(browser: Browser, trainee: User, place: Namespace) -> None:
    begun = start(trainee, place, "upload-the-ca")
    browser.post(reverse("lab:skip"))
    assert progress("upload-the-ca").skipped_at is not None
    make_ca_certificate(place, "mine", der=begun.chain.intermediate.certificate_der)
    browser.post(reverse("lab:watch"))
    assert progress("upload-the-ca").done_at is not None


def test_the_files_of_a_start_are_on_one_page_only(browser: Browser, trainee: User, place: Namespace) -> None:
    page = browser.post(reverse("lab:begin", args=["upload-the-ca"]), {"namespace": place.pk})
    assert "data:application/zip;base64," in page.content.decode()
    assert "data:application/zip" not in browser.get(reverse("lab:exercise")).content.decode()
    assert "PRIVATE KEY" not in str(progress("upload-the-ca").facts)


def test_starting_over_makes_new_files_where_the_lab_made_them(
    browser: Browser, trainee: User, place: Namespace
) -> None:
    assert start(trainee, place, "upload-the-ca").chain is not None
    assert start(trainee, place, "register-the-client").chain is None  # the same chain goes on
    again = browser.post(reverse("lab:again"))
    assert "data:application/zip;base64," in again.content.decode()


def test_a_chain_of_the_samples_page_is_the_trainees_own(browser: Browser, trainee: User, place: Namespace) -> None:
    start(trainee, place, "make-a-chain")
    samples = reverse("certificates:sample_certificates", args=[place.pk])
    page = browser.get(samples).content.decode()
    prefix = re.search(r'name="([\w-]+)-0-name"', page)
    assert prefix is not None
    rows = {f"{prefix[1]}-TOTAL_FORMS": "1", f"{prefix[1]}-INITIAL_FORMS": "0", f"{prefix[1]}-0-name": "press-1"}
    browser.post(samples, rows)
    browser.post(reverse("lab:watch"))
    assert progress("make-a-chain").done_at is not None
    begun = start(trainee, place, "upload-the-ca")
    assert begun.chain is None
    assert progress("upload-the-ca").facts["files"] == progress("make-a-chain").facts["files"]


def test_a_chain_made_elsewhere_is_read_by_test_authentication(
    browser: Browser, trainee: User, place: Namespace
) -> None:
    start(trainee, place, "make-a-chain")
    at = progress("make-a-chain").started_at
    chain = make_sample_chain([ClientName("press-1")], at=at)
    pem = chain.clients[0].certificate_pem + chain.intermediate.certificate_pem
    browser.post(reverse("certificates:test_authentication", args=[place.pk]), {"pem": pem, "user_name": "press-1"})
    browser.post(reverse("lab:watch"))
    assert progress("make-a-chain").done_at is not None


def test_the_menu_counts_what_is_done(browser: Browser, trainee: User, place: Namespace) -> None:
    begun = start(trainee, place, "upload-the-ca")
    make_ca_certificate(place, "mine", der=begun.chain.intermediate.certificate_der)
    browser.post(reverse("lab:watch"))
    assert re.search(r"\b1 of \d+\b", browser.get(reverse("lab:home")).content.decode())


def test_a_poll_is_no_change_of_the_user(browser: Browser, trainee: User, place: Namespace, settings: Any) -> None:
    settings.SHORT_CACHE_SECONDS = 2
    start(trainee, place, "upload-the-ca")
    answer = browser.post(reverse("lab:watch"), headers=HTMX | {"HX-Trigger": "lab-poll"})
    assert "changed" not in answer.cookies


def test_nobody_works_where_they_may_change_nothing(client: Browser, place: Namespace) -> None:
    make_user("rita")
    client.login(username="rita", password=PASSWORD)
    assert client.post(reverse("lab:begin", args=["upload-the-ca"]), {"namespace": place.pk}).status_code == 404
    assert not Progress.objects.exists()
