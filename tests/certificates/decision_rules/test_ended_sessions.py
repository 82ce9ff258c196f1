"""A revocation ends the sessions that the certificate opened, where the target can: in the emulator."""

from pathlib import Path
from typing import Any

import pytest

from certificates.actions.decision_rules.lists import take_list
from certificates.actions.decision_rules.revocations import revoke_certificate
from certificates.x509.certificate import load_certificate, public_key_hash
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import Namespace
from portal.models import User
from sync.capabilities.session_endings import TASK
from sync.tasks import end_sessions
from tests.emulator.mqtt.plant import Plant, make_plant
from tests.emulator.mqtt.raw_client import connected
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.certificates.chains import AT, authority
from tests.support.certificates.revocation_lists import revocation_list
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_configuration,
    make_namespace,
    make_user,
)

pytestmark = pytest.mark.django_db

WEBHOOK = "https://decisions.example.net/decide/key"
NOT_AUTHORIZED = 0x87


def asked_to_end(capture: Any, actor: User, namespace: Namespace, der: bytes) -> list[tuple[Any, ...]]:
    """Revoke a certificate, and return what workers are asked to do."""
    with capture() as callbacks:
        revoke_certificate(actor, namespace=namespace, certificate=load_certificate(der), reason="keyCompromise")
    return [each.args[1:] for each in callbacks if getattr(each, "args", ())[:1] == (TASK,)]


def test_a_revoked_certificate_and_ca_end_their_sessions(
    azure: EmulatorProcess, settings: Any, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    plant: Plant = make_plant(azure, tmp_path)
    owner = make_user("ada")
    namespace = make_namespace("ending", resource_id=plant.namespace_id, owner=owner)
    configuration = make_configuration(namespace)
    robot, ca = plant.sample("robot-1").certificate_der, plant.chain.intermediate.certificate_der
    key = public_key_hash(ca)
    make_client(namespace, "robot-2", anchor_key=key, issuer_key=key)
    make_client(namespace, "press-07", issuer_key="0" * 64)
    spare = plant.sample("disabled-1").certificate_der
    assert not asked_to_end(django_capture_on_commit_callbacks, owner, namespace, spare)  # Azure decides
    configuration.webhook_url = WEBHOOK
    configuration.save()
    with (
        connected(plant, "end-1", "robot-1") as first,
        connected(plant, "end-2", "robot-2") as second,
        connected(plant, "end-3", "press-07") as third,
    ):
        (wish,) = asked_to_end(django_capture_on_commit_callbacks, owner, namespace, robot)
        end_sessions(*wish)
        first.expect_end(NOT_AUTHORIZED)
        assert second.silent()
        (wish,) = asked_to_end(django_capture_on_commit_callbacks, owner, namespace, ca)
        assert wish[2] == ["robot-2"]
        end_sessions(*wish)
        second.expect_end(NOT_AUTHORIZED)
        assert third.silent()


def test_a_list_ends_the_sessions_of_what_is_on_it(settings: Any, django_capture_on_commit_callbacks: Any) -> None:
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    root = authority("Listed Root CA")
    line = root.issue("Listed line CA", ca=True)
    stolen, good, below = root.issue("press-1"), root.issue("press-2"), line.issue("robot-1")
    owner = make_user("ada")
    namespace = make_namespace("listed", owner=owner)
    ca = make_ca_certificate(namespace, "root", der=root.der)
    key = public_key_hash(line.der)
    for name in ("press-1", "press-2"):
        make_client(namespace, name, issuer_key=public_key_hash(root.der))
    make_client(namespace, "robot-1", issuer_key=key)
    chains = {"press-1": [stolen.der], "press-2": [good.der], "robot-1": [below.der, line.der]}
    shown = {name: tuple(load_certificate(der) for der in chain) for name, chain in chains.items()}
    remember(namespace.pk, [Showing(name, chain, AT, has_connected=True) for name, chain in shown.items()])
    configuration = make_configuration(namespace)

    def wishes(number: int) -> list[tuple[Any, ...]]:
        with django_capture_on_commit_callbacks() as callbacks:
            take_list(owner, ca=ca, data=revocation_list(root, stolen, line, number=number))
        return [each.args[1:] for each in callbacks if getattr(each, "args", ())[:1] == (TASK,)]

    assert not wishes(1)  # Azure decides
    configuration.webhook_url = WEBHOOK
    configuration.save()
    ((_, thumbprints, names, _reason),) = wishes(2)
    assert (thumbprints, names) == ([shown["press-1"][0].thumbprint_sha256], ["robot-1"])


def test_an_emulator_that_refuses_fails_nothing(azure: EmulatorProcess) -> None:
    end_sessions(azure.group_id, ["no thumbprint"], [], "Revoked.")
