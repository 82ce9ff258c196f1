"""A seat sees and changes no other, and is reset alone."""

import pytest
from django.urls import reverse
from django.utils import timezone

from lab.models import Progress, Seat, TrainingClass
from namespaces.models import Client, ConnectionAttempt, NamespaceConfiguration
from portal.models import User
from sync.models import Finding
from tests.lab.classes.joining import join, page
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client

pytestmark = pytest.mark.django_db


def test_a_seat_sees_and_changes_no_other(training: TrainingClass) -> None:
    ines, own, _ = join(training, "Ines")
    _, other, _ = join(training, "Olu")
    assert own.namespace is not None
    assert other.namespace is not None
    make_client(other.namespace, "press-9")
    for name in ("namespaces:namespace_overview", "namespaces:client_list", "namespaces:connection_list"):
        assert ines.get(reverse(name, args=[other.namespace_id])).status_code == 404
    create = reverse("namespaces:client_create", args=[other.namespace_id])
    assert ines.post(create, {"name": "intruder"}).status_code == 404
    assert ines.post(reverse("sync:fault_on", args=[other.namespace_id]), {"fault": "slow"}).status_code == 404
    assert ines.get(reverse("namespaces:role_add", args=[own.namespace_id])).status_code == 403
    assert ines.post(reverse("namespaces:namespace_disconnect", args=[own.namespace_id])).status_code == 403
    for url in (page("class_list"), page("class_board", training.pk), page("class_report_csv", training.pk)):
        assert ines.get(url).status_code == 403
    assert ines.get(reverse("portal:person_list")).status_code == 403
    home = ines.get(reverse("home:home")).content.decode()
    assert own.namespace.name in home
    assert other.namespace.name not in home
    found = ines.get(reverse("portal:search"), {"q": "press-9"}).content.decode()
    assert other.namespace.name not in found


def test_a_reset_empties_one_seat_and_leaves_the_others(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    ines, own, _ = join(training, "Ines")
    _, other, _ = join(training, "Olu")
    assert own.namespace is not None
    assert other.namespace is not None
    now = timezone.now()
    for seat in (own, other):
        assert seat.namespace is not None
        azure.call("PUT", f"{seat.namespace.resource_id}/clients/press-1", {"properties": {}})
        make_client(seat.namespace, "press-1")
        Progress.objects.create(user=seat.user, namespace=seat.namespace, exercise="upload", started_at=now)
        attempt = {"accepted": False, "code": "x", "reason": "x", "record": {}}
        ConnectionAttempt.objects.create(namespace=seat.namespace, cursor=1, at=now, **attempt)
        facts = {"kind": "namespaces.client", "scope": seat.namespace.pk, "name": "x", "drift": "appeared"}
        Finding.objects.create(found_at=now, seen_at=now, resource={}, **facts)
    ines.post(page("seat_ask"), {"question": "Which file?"})
    assert signed_in(admin).post(page("seat_reset", training.pk, own.number)).status_code == 302
    for model in (Client, ConnectionAttempt, Progress):
        assert [row.namespace_id for row in model.objects.all()] == [other.namespace_id]
    assert [finding.scope for finding in Finding.objects.all()] == [other.namespace_id]
    assert azure.call("GET", f"{own.namespace.resource_id}/clients")["value"] == []
    assert [each["name"] for each in azure.call("GET", f"{other.namespace.resource_id}/clients")["value"]] == [
        "press-1"
    ]
    own.refresh_from_db()
    assert (own.first_name, own.help_at, own.help_text) == ("Ines", None, "")
    assert NamespaceConfiguration.objects.filter(namespace=own.namespace_id).count() == 1
    assert ines.get(reverse("namespaces:namespace_overview", args=[own.namespace_id])).status_code == 200
    assert signed_in(admin).post(page("class_reset", training.pk)).status_code == 302
    assert not Client.objects.exists()
    assert Seat.objects.joined().count() == 2
