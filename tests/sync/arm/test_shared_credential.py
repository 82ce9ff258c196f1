"""One credential for all threads: its token endpoint, a fresh token after a rejected one, and an unreachable endpoint."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from sync.arm.credentials import make_credential
from sync.arm.gateway import ArmGateway, AzureUnreachable
from tests.support.database.factories import SUBSCRIPTION
from tests.support.waiting import until
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

NAMESPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/r/providers/Microsoft.EventGrid/namespaces/factory"
DISCOVERY, TOKEN = "/t/v2.0/.well-known/openid-configuration", "/t/oauth2/v2.0/token"
AWAY = Answer(wire="none")
THREADS = 32


class CountedTurns:
    """A lock that counts the threads that wait for it or hold it."""

    def __init__(self) -> None:
        self.wanted = 0
        self._count, self._lock = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._count:
            self.wanted += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_only_the_configured_endpoint_is_asked_for_a_token(arm: ScriptedArm) -> None:
    arm.hold(NAMESPACE, {})
    gateway = ArmGateway()
    gateway.get(NAMESPACE)
    gateway.get(NAMESPACE)
    assert arm.token_requests == [DISCOVERY, TOKEN]
    assert arm.tokens_seen == ["scripted-1", "scripted-1"]


def test_the_ca_file_applies_to_the_token_endpoint(arm: ScriptedArm, settings: Any, tmp_path: Path) -> None:
    assert make_credential().get_token("scope").token == "scripted-1"
    settings.AZURE_ARM_CA = ""
    with pytest.raises(ServiceRequestError):
        make_credential().get_token("scope")
    assert arm.token_requests == [DISCOVERY, TOKEN]


def test_a_rejected_token_is_replaced(arm: ScriptedArm) -> None:
    arm.hold(NAMESPACE, {})
    arm.script("GET", refused("ExpiredAuthenticationToken", 401))
    gateway = ArmGateway()
    with pytest.raises(AzureUnreachable) as fault:
        gateway.get(NAMESPACE)
    assert (fault.value.code, fault.value.sent) == ("unauthorized", False)
    gateway.get(NAMESPACE)
    assert arm.tokens_seen == ["scripted-1", "scripted-2"]


def test_a_late_rejection_of_an_old_token_keeps_the_new_one(arm: ScriptedArm) -> None:
    credential = make_credential()
    old = credential.get_token("scope").token
    credential.renew(old)
    new = credential.get_token("scope").token
    credential.renew(old)
    assert credential.get_token("scope").token == new != old
    assert arm.token_requests.count(TOKEN) == 2


def test_a_challenge_with_claims_gets_a_new_token(arm: ScriptedArm) -> None:
    credential = make_credential()
    assert credential.get_token("scope").token == "scripted-1"
    assert credential.get_token("scope", claims='{"access_token": {}}').token == "scripted-2"


@pytest.mark.parametrize("path", [DISCOVERY, TOKEN])
@pytest.mark.parametrize("answer", [AWAY, Answer(503, {})], ids=["away", "503"])
def test_an_outage_of_the_token_endpoint_ends_at_once(arm: ScriptedArm, path: str, answer: Answer) -> None:
    arm.hold(NAMESPACE, {})
    gateway = ArmGateway()
    arm.before_token = lambda: answer if arm.token_requests[-1] == path else None
    with pytest.raises(AzureUnreachable) as fault:
        gateway.get(NAMESPACE)
    assert (fault.value.code, fault.value.sent, fault.value.answered) == ("token_endpoint", False, False)
    arm.before_token = None
    gateway.get(NAMESPACE)


@pytest.mark.parametrize("answer", [AWAY, Answer(503, {})], ids=["away", "503"])
def test_threads_wait_together_for_an_unreachable_token_endpoint(arm: ScriptedArm, answer: Answer) -> None:
    go = threading.Event()

    def wait_then_fail() -> Answer:
        go.wait(20)
        return answer

    arm.before_token = wait_then_fail
    credential = make_credential()
    turns = CountedTurns()
    credential._lock = turns  # type: ignore[assignment]  # what `with` needs of a lock it has
    with ThreadPoolExecutor(THREADS) as threads:
        waiting = [threads.submit(credential.get_token, "scope") for _ in range(THREADS)]
        until(lambda: turns.wanted == THREADS, "all threads wait")
        go.set()
        faults = [type(each.exception(20)) for each in waiting]
    assert faults == [ServiceRequestError] * THREADS
    assert arm.token_requests == [DISCOVERY]
    arm.before_token = None
    assert credential.get_token("scope").token == "scripted-1"


def test_threads_share_one_token(arm: ScriptedArm) -> None:
    credential = make_credential()
    with ThreadPoolExecutor(THREADS) as threads:
        tokens = {each.token for each in threads.map(lambda _: credential.get_token("scope"), range(THREADS))}
    assert tokens == {"scripted-1"}
    assert arm.token_requests == [DISCOVERY, TOKEN]


def test_a_rejected_credential_is_not_an_outage(arm: ScriptedArm) -> None:
    error = {"error": "invalid_client", "error_description": "AADSTS7000222: The client secret keys are expired."}
    arm.before_token = lambda: Answer(401, error) if arm.token_requests[-1] == TOKEN else None
    with pytest.raises(ClientAuthenticationError) as fault:
        make_credential().get_token("scope")
    assert fault.value.response is None  # a response would pass for ARM's
    with pytest.raises(AzureUnreachable) as reported:
        ArmGateway().get(NAMESPACE)
    assert (reported.value.code, reported.value.sent, reported.value.answered) == ("client_secret", False, True)


def test_neither_secret_nor_token_is_logged(arm: ScriptedArm, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.AZURE_CLIENT_SECRET = "never-in-a-log"
    with caplog.at_level(logging.DEBUG):
        assert make_credential().get_token("scope").token == "scripted-1"
        arm.before_token = lambda: Answer(400, {"error": "invalid_request"})
        with pytest.raises(ClientAuthenticationError):
            make_credential().get_token("scope")
    assert "never-in-a-log" not in caplog.text
    assert "scripted-1" not in caplog.text
