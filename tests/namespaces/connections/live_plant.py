"""A connected namespace of the running emulator: what workers do, and devices that connect over TLS and MQTT."""

import json
from itertools import count
from typing import Any

from lab.actions.exercises.mqtt_once import Credentials, connect_once
from namespaces.connections.mqtt_endpoints import MqttEndpoint, mqtt_endpoint
from namespaces.models import Namespace
from sync import registry
from sync.capabilities.connection_log import import_records
from sync.push.claim_and_settle import push
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.certificates.chains import Identity
from tests.support.database.factories import make_configuration, make_namespace
from tests.support.waiting import until

_numbers = count(1)


class LivePlant:
    def __init__(self, azure: EmulatorProcess, settings: Any) -> None:
        settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
        resource_id = azure.make_namespace(f"plant-{next(_numbers)}")
        self.namespace: Namespace = make_namespace(resource_id.rpartition("/")[2], resource_id=resource_id)
        make_configuration(self.namespace)
        until(lambda: resource_id in azure.mqtt_endpoints, "the namespace listens")
        settings.MQTT_ENDPOINTS = json.dumps({key.lower(): value for key, value in azure.mqtt_endpoints.items()})

    @property
    def endpoint(self) -> MqttEndpoint:
        found = mqtt_endpoint(self.namespace)
        assert found is not None
        return found

    def work(self) -> None:
        """Send what is due to Azure, and import the connection log, as workers do."""
        for model in registry.models():
            rows: Any = model._default_manager
            for row in rows.filter(namespace=self.namespace).unsettled():
                push(row)
        import_records()

    def connect(self, shown: Identity, user_name: str = "", *, endpoint: MqttEndpoint | None = None) -> bool:
        """Connect over TLS and MQTT 5 with this certificate, as `user_name` or as its name. Return whether it was accepted.

        A thread gives the `endpoint`: to find it takes the database.
        """
        credentials = Credentials(shown.der, (), shown.key_pem)
        return connect_once(endpoint or self.endpoint, credentials, user_name=user_name or shown.name)
