"""What tests of the lab share: an emulator's namespace with a trainee who owns it, and a trainee's device."""

import json
import socket
import ssl
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from certificates.models import CACertificate
from certificates.samples.chain import ClientName, make_sample_chain
from lab.actions.exercises.mqtt_once import Credentials, connect_once
from lab.actions.exercises.progress import Begun, watch
from lab.catalogue.reading import exercise as exercise_of
from lab.models import Progress
from namespaces.actions.client_imports import run_import, waiting_imports
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.models import Namespace, NamespaceRole, Role
from namespaces.rights import rights_in
from portal.demo.devices import connect_packet
from portal.models import User
from sync import registry
from sync.capabilities.connection_log import import_records
from sync.push.claim_and_settle import push
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.factories import make_admin, make_configuration, make_namespace, make_user
from tests.support.waiting import until

__all__ = ["Classroom"]


class Classroom:
    """A trainee in a namespace of the emulator."""

    def __init__(self, trainee: User, namespace: Namespace) -> None:
        self.trainee = trainee
        self.namespace = namespace

    def push(self) -> None:
        """Do what workers do: import lists, and send what is due to Azure."""
        for run in waiting_imports(timezone.now()):
            run_import(run)
        for model in registry.models():
            rows: Any = model._default_manager
            waiting = rows.filter(namespace=self.namespace).unsettled()
            waiting.update(next_attempt_at=None)  # a worker would wait as long as Azure asks for
            for row in waiting:
                push(row)

    def wait(self, namespace: Namespace) -> None:
        self.push()

    def connect(self, begun: Any, file: str, **options: Any) -> bool:
        """Connect as the trainee's device does, and read the connection log."""
        endpoint = mqtt_endpoint(self.namespace)
        assert endpoint is not None
        sample = next(each for each in begun.chain.clients if each.file_name == file)
        sent = [*sample.chain, *([begun.chain.intermediate.certificate_der] if options.pop("chain", False) else [])]
        credentials = Credentials(sample.certificate_der, tuple(sent), sample.key_pem)
        user_name = "" if options.pop("no_name", False) else options.pop("user_name", file)
        accepted = connect_once(endpoint, credentials, user_name=user_name, **options)
        import_records()
        return accepted

    def connect_stranger(self, user_name: str) -> bool:
        """Connect with a certificate of a chain that nobody here knows."""
        chain = make_sample_chain([ClientName(user_name)], at=timezone.now(), label="Stranger")
        return self.connect(Begun(Progress(), chain), chain.clients[0].file_name, user_name=user_name)

    def connect_bare(self, user_name: str) -> None:
        """Connect without a certificate."""
        endpoint = mqtt_endpoint(self.namespace)
        assert endpoint is not None
        context = ssl.create_default_context(cafile=endpoint.ca)
        with suppress(OSError), socket.create_connection((endpoint.host, endpoint.port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname=endpoint.host) as connection:
                connection.sendall(connect_packet(user_name))
                connection.recv(64)
        import_records()

    def cas(self) -> Any:
        return CACertificate.objects.present().filter(namespace=self.namespace)

    def look(self, slug: str) -> Progress:
        """Watch the exercise, and return how far it is."""
        import_records()
        row = Progress.objects.get(user=self.trainee, namespace=self.namespace, exercise=slug)
        assert exercise_of(slug) is not None
        return watch(row, self.namespace)


@pytest.fixture
def in_lab(settings: Any) -> None:
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"


@pytest.fixture
def classroom(in_lab: None, azure: EmulatorProcess, settings: Any, db: None) -> Classroom:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    settings.LIVE_STATE_GATEWAY = "sync.capabilities.live_state.ArmLiveState"
    trainee = make_user("tia")
    make_admin("approver")
    resource_id = azure.make_namespace(new_name())
    namespace = make_namespace(resource_id.rpartition("/")[2], resource_id=resource_id)
    make_configuration(namespace)
    NamespaceRole.objects.create(namespace=namespace, user=trainee, role=Role.OWNER)
    namespace.rights = rights_in(trainee, namespace.pk)
    until(lambda: resource_id in azure.mqtt_endpoints, "the namespace listens")
    settings.MQTT_ENDPOINTS = json.dumps({key.lower(): value for key, value in azure.mqtt_endpoints.items()})
    return Classroom(trainee, namespace)


_numbers = count(1)


def new_name() -> str:
    """Return a name of a namespace that no other test has: tests share the emulator."""
    return f"lab-{next(_numbers)}"
