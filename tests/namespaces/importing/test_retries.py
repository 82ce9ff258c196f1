"""An import that Azure rejects: it is retried with growing pauses, and by a user at once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.importing.runs import LONGEST_PAUSE, SHORTEST_PAUSE, next_try, run_import
from namespaces.models import Namespace
from namespaces.tasks import start_imports
from portal.models import Activity, User
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_namespace, make_user
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db
FORBIDDEN = refused("AuthorizationFailed", 403)
CONNECTED = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.fixture
def factory(ada: User) -> Namespace:
    return make_namespace(contributor=ada, reader=make_user("rita"))


@pytest.fixture
def failed(arm: ScriptedArm, factory: Namespace) -> Namespace:
    """A namespace whose first import was rejected with 403."""
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    arm.script("GET", FORBIDDEN)
    run_import(factory.pk)
    factory.refresh_from_db()
    assert (factory.import_state, factory.import_message.split(":")[0]) == ("failed", "AuthorizationFailed")
    return factory


def due(namespace: Namespace) -> datetime:
    found = next_try(namespace)
    assert found is not None
    return found


def state(namespace: Namespace) -> str:
    return Namespace.objects.get(pk=namespace.pk).import_state


def test_a_rejected_import_succeeds_when_its_retry_is_due(arm: ScriptedArm, failed: Namespace) -> None:
    arm.methods()
    start_imports(at=due(failed) - timedelta(seconds=1))
    assert (arm.methods(), state(failed)) == ([], "failed")
    start_imports(at=due(failed))
    assert state(failed) == "done"
    assert next_try(Namespace.objects.get()) is None


def test_an_import_that_is_always_rejected_stays_failed(arm: ScriptedArm, failed: Namespace) -> None:
    for _ in range(3):
        arm.script("GET", FORBIDDEN)
        failed.refresh_from_db()
        start_imports(at=due(failed))
        assert (state(failed), Namespace.objects.get().import_message.split(":")[0]) == (
            "failed",
            "AuthorizationFailed",
        )


@pytest.mark.parametrize(
    ("failing_for", "pause"),
    [
        (timedelta(0), SHORTEST_PAUSE),
        (timedelta(seconds=29), SHORTEST_PAUSE),
        (timedelta(minutes=4), timedelta(minutes=4)),
        (timedelta(minutes=59), timedelta(minutes=59)),
        (timedelta(days=30), LONGEST_PAUSE),
    ],
)
def test_the_pause_grows_up_to_an_hour(failing_for: timedelta, pause: timedelta) -> None:
    last = CONNECTED + failing_for
    failed = Namespace(import_state=Namespace.Import.FAILED, connected_at=CONNECTED, import_touched_at=last)
    assert next_try(failed) == last + pause


def test_a_namespace_out_of_reach_is_not_retried(arm: ScriptedArm, failed: Namespace) -> None:
    Namespace.objects.update(unreachable_since=failed.connected_at)
    start_imports(at=due(failed))
    assert state(failed) == "failed"


def overview(browser: Browser, namespace: Namespace) -> str:
    return browser.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()


def retry_url(namespace: Namespace) -> str:
    return reverse("namespaces:namespace_import_retry", args=[namespace.pk])


def test_the_page_shows_the_reason_and_a_button(ada: User, failed: Namespace) -> None:
    page = overview(signed_in(ada), failed)
    assert "data-import-failed" in page
    assert "AuthorizationFailed" in page
    assert f'action="{retry_url(failed)}"' in page
    assert due(failed).strftime("%Y-%m-%dT%H:%M:%S") in page


def test_a_contributor_tries_again(arm: ScriptedArm, ada: User, failed: Namespace) -> None:
    browser = signed_in(ada)
    assert browser.post(retry_url(failed)).status_code == 302
    assert state(failed) == "waiting"
    assert Activity.objects.filter(actor=ada, kind="namespaces.namespace").count() == 1
    run_import(failed.pk)
    assert state(failed) == "done"
    assert "data-import-failed" not in overview(browser, failed)


def test_trying_again_changes_nothing_when_nothing_failed(ada: User, factory: Namespace) -> None:
    assert signed_in(ada).post(retry_url(factory)).status_code == 302
    assert state(factory) == "done"
    assert not Activity.objects.exists()


def test_a_reader_may_not_try_again(failed: Namespace) -> None:
    browser = signed_in(User.objects.get(username="rita"))
    assert browser.post(retry_url(failed)).status_code == 403
    assert retry_url(failed) not in overview(browser, failed)
    assert state(failed) == "failed"
