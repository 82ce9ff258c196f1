"""A lease outlasts the longest push, on a clock where every request takes as long as its timeouts allow."""

from typing import Any

import pytest
from django.conf import settings as django_settings

from namespaces.actions.clients import change_authentication_name, delete_client
from namespaces.models import Client, Namespace
from portal.models import User
from sync.arm import long_running
from sync.arm.gateway import arm_gateway
from sync.arm.timeouts import push_seconds, request_seconds, write_seconds
from sync.push import claim_and_settle, delivery
from sync.push.claim_and_settle import Pushed, claim, settle
from sync.push.delivery import deliver
from tests.sync.arranging import again, edit, settled
from tests.sync.scripted_arm import Answer, ScriptedArm

pytestmark = pytest.mark.django_db

OPERATION = "/operations/1"
WORKING = Answer(200, {"status": "InProgress"}, {"Retry-After": "9"})
DONE = Answer(200, {"status": "Succeeded"})
FAILED = Answer(200, {"status": "Failed", "error": {"code": "AuthenticationNameTaken", "message": "It is taken."}})


class Clock:
    """A clock that advances by each sleep, and by the longest duration of each request."""

    def __init__(self, arm: ScriptedArm) -> None:
        self.now = 0.0
        self.requests: list[tuple[str, str, float]] = []  # method, path, when it began
        arm.before = self.request

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def request(self, method: str, path: str) -> None:
        self.requests.append((method, path, self.now))
        self.now += request_seconds()

    def polls(self) -> list[tuple[float, float]]:
        """Return, for each poll of a write, when the write was answered and when the poll began."""
        found, answered = [], 0.0
        for method, path, began in self.requests:
            if method != "GET":
                answered = began + request_seconds()
            elif path == OPERATION:
                found.append((answered, began))
        return found


@pytest.fixture
def clock(arm: ScriptedArm, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
    settings.ARM_CONNECT_TIMEOUT, settings.ARM_READ_TIMEOUT, settings.ARM_OPERATION_TIMEOUT = 5.0, 5.0, 30.0
    clock = Clock(arm)
    for module in (delivery, long_running, claim_and_settle):
        monkeypatch.setattr(module, "time", clock)
    return clock


def accepted(arm: ScriptedArm, *, apply: str = "now") -> Answer:
    return Answer(202, {}, {"Azure-AsyncOperation": f"{arm.url}{OPERATION}", "Retry-After": "9"}, apply=apply)


def test_a_lease_outlasts_every_timeout_of_one_push(
    arm: ScriptedArm, clock: Clock, ada: User, factory: Namespace
) -> None:
    """The longest push: delete, recreate, rejected, read back and restore, each finished at the last moment."""
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.script("DELETE", accepted(arm))
    arm.script("PUT", accepted(arm, apply="never"), accepted(arm))
    arm.script("GET", Answer(), WORKING, DONE, WORKING, FAILED, Answer(), WORKING, DONE)
    (claimed,) = claim(Client, [client.pk])
    clock.requests.clear()
    began = clock.now
    settle([deliver(claimed, arm_gateway())])
    methods = [method for method, _, _ in clock.requests if method != "GET"]
    assert methods == ["DELETE", "PUT", "PUT"]
    assert clock.now - began < push_seconds()
    assert clock.now < claimed.until
    polls = clock.polls()
    assert len(polls) == 6
    assert all(began < answered + django_settings.ARM_OPERATION_TIMEOUT for answered, began in polls)


@pytest.mark.parametrize("change", ["write", "deletion"])
def test_polling_of_a_change_that_does_not_end_stops_in_time(
    arm: ScriptedArm, clock: Clock, ada: User, factory: Namespace, change: str
) -> None:
    client = settled(ada, factory)
    if change == "write":
        edit(ada, client, description="slow")
    else:
        delete_client(ada, client=client)
    arm.script("PUT" if change == "write" else "DELETE", accepted(arm))
    arm.script("GET", Answer(), *[WORKING] * 20)
    (claimed,) = claim(Client, [client.pk])
    clock.requests.clear()
    assert settle([deliver(claimed, arm_gateway())]) == [Pushed.DELAYED]
    (sent_at,) = (began for method, _, began in clock.requests if method != "GET")
    assert clock.now - sent_at <= write_seconds()
    assert all(began < answered + django_settings.ARM_OPERATION_TIMEOUT for answered, began in clock.polls())
    assert again(client).uncertain
