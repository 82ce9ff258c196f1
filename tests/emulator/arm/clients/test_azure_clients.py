"""Microsoft's client libraries against the emulator, over real TLS."""

import uuid
from datetime import UTC, datetime

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.eventgrid.models import (
    CaCertificate,
    Client,
    ClientCertificateAuthentication,
    Namespace,
    NamespaceSku,
    NamespaceUpdateParameters,
    TopicSpacesConfiguration,
    UpdateTopicSpacesConfigurationInfo,
)
from azure.mgmt.resource.resources import ResourceManagementClient

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem, to_pem
from tests.emulator.clients import event_grid_client, resource_client
from tests.support.azure.emulator_process import GROUP, LOCATION, EmulatorProcess

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHAIN = make_sample_chain([ClientName("sensor-1")], at=AT)
VERSION = "2025-02-15"


def fresh_name() -> str:
    return f"ns-{uuid.uuid4().hex[:12]}"


def test_a_namespace_is_created_changed_listed_and_deleted(emulator: EmulatorProcess) -> None:
    emulator.call("PUT", emulator.group_id, {"location": LOCATION})
    name = fresh_name()
    with event_grid_client(emulator) as azure:
        wanted = Namespace(location="West Europe", sku=NamespaceSku(name="Standard", capacity=2), tags={"a": "b"})
        made = azure.namespaces.begin_create_or_update(GROUP, name, wanted).result()
        assert made.location == LOCATION
        assert made.provisioning_state == "Succeeded"
        assert made.topic_spaces_configuration is None
        patch = NamespaceUpdateParameters(
            topic_spaces_configuration=UpdateTopicSpacesConfigurationInfo(
                state="Enabled", maximum_session_expiry_in_hours=8
            )
        )
        azure.namespaces.begin_update(GROUP, name, patch).result()
        changed = azure.namespaces.get(GROUP, name)
        assert changed.topic_spaces_configuration is not None
        assert changed.topic_spaces_configuration.state == "Enabled"
        assert changed.topic_spaces_configuration.hostname == f"{name}.westeurope-1.ts.eventgrid.localhost"
        assert changed.topic_spaces_configuration.maximum_session_expiry_in_hours == 8
        assert (changed.tags, changed.sku and changed.sku.capacity) == ({"a": "b"}, 2)
        assert name in [found.name for found in azure.namespaces.list_by_resource_group(GROUP)]
        assert name in [found.name for found in azure.namespaces.list_by_subscription()]
        azure.namespaces.begin_delete(GROUP, name).result()
        with pytest.raises(ResourceNotFoundError):
            azure.namespaces.get(GROUP, name)


def test_ca_certificates_are_registered_as_in_the_guide(emulator: EmulatorProcess) -> None:
    namespace = emulator.make_namespace(fresh_name())
    name = namespace.rpartition("/")[2]
    with event_grid_client(emulator) as azure:
        wanted = CaCertificate(
            description="created by step", encoded_certificate=to_azure_pem(CHAIN.intermediate.certificate_der)
        )
        azure.ca_certificates.begin_create_or_update(GROUP, name, "intermediate", wanted).result()
        found = azure.ca_certificates.get(GROUP, name, "intermediate")
        assert found.encoded_certificate == wanted.encoded_certificate
        assert found.description == "created by step"
        assert found.issue_time_in_utc is not None
        assert found.issue_time_in_utc <= AT
        assert found.expiry_time_in_utc is not None
        assert found.expiry_time_in_utc > AT
        assert found.system_data is not None
        assert found.system_data.created_by == emulator.client_id
        assert [ca.name for ca in azure.ca_certificates.list_by_namespace(GROUP, name)] == ["intermediate"]
        azure.ca_certificates.begin_delete(GROUP, name, "intermediate").result()
        azure.ca_certificates.begin_delete(GROUP, name, "intermediate").result()
        assert list(azure.ca_certificates.list_by_namespace(GROUP, name)) == []


def test_clients_are_registered_and_listed_page_by_page(emulator: EmulatorProcess) -> None:
    name = emulator.make_namespace(fresh_name()).rpartition("/")[2]
    with event_grid_client(emulator) as azure:
        for number in range(45):
            wanted = Client(attributes={"floor": number, "rooms": ["a", "b"]}, description=f"number {number}")
            azure.clients.begin_create_or_update(GROUP, name, f"client-{number:02}", wanted).result()
        names = [client.name for client in azure.clients.list_by_namespace(GROUP, name)]
        assert names == [f"client-{number:02}" for number in range(45)]
        filtered = azure.clients.list_by_namespace(
            GROUP, name, filter="contains(NAME, 'CLIENT-1') and not (name eq 'client-11' or name eq 'client-12')", top=5
        )
        assert [client.name for client in filtered] == [f"client-{number}" for number in (10, *range(13, 20))]


def test_a_page_has_the_requested_size_and_a_link_to_the_next(emulator: EmulatorProcess) -> None:
    namespace = emulator.make_namespace(fresh_name())
    for number in range(25):
        emulator.call("PUT", f"{namespace}/clients/c{number:02}", {})
    first = emulator.call("GET", f"{namespace}/clients")
    assert len(first["value"]) == 20
    assert first["nextLink"].startswith(emulator.url + namespace)
    rest = emulator.call("GET", first["nextLink"].removeprefix(emulator.url), api_version=None)
    assert [client["name"] for client in rest["value"]] == [f"c{number}" for number in range(20, 25)]
    assert "nextLink" not in rest
    assert "nextLink" not in emulator.call("GET", f"{namespace}/clients?$top=25")


def test_a_client_is_returned_with_its_defaults(emulator: EmulatorProcess) -> None:
    name = emulator.make_namespace(fresh_name()).rpartition("/")[2]
    with event_grid_client(emulator) as azure:
        made = azure.clients.begin_create_or_update(GROUP, name, "Sensor:1.a_b", Client()).result()
        assert made.authentication_name == "Sensor:1.a_b"
        assert made.state == "Enabled"
        assert made.description is None
        assert made.client_certificate_authentication is not None
        assert made.client_certificate_authentication.validation_scheme == "SubjectMatchesAuthenticationName"
        thumbprints = ClientCertificateAuthentication(
            validation_scheme="ThumbprintMatch", allowed_thumbprints=[CHAIN.clients[0].thumbprint]
        )
        changed = azure.clients.begin_create_or_update(
            GROUP, name, "sensor:1.A_B", Client(client_certificate_authentication=thumbprints)
        ).result()
        assert (changed.name, changed.id) == (made.name, made.id)
        assert changed.client_certificate_authentication is not None
        assert changed.client_certificate_authentication.allowed_thumbprints == [CHAIN.clients[0].thumbprint]


def test_an_error_reaches_the_sdk_with_code_and_target(emulator: EmulatorProcess) -> None:
    name = emulator.make_namespace(fresh_name()).rpartition("/")[2]
    with event_grid_client(emulator) as azure:
        with pytest.raises(HttpResponseError) as caught:
            azure.ca_certificates.begin_create_or_update(
                GROUP, name, "leaf-one", CaCertificate(encoded_certificate=to_pem(CHAIN.clients[0].certificate_der))
            ).result()
    assert caught.value.status_code == 400
    assert caught.value.error is not None
    assert caught.value.error.code == "InvalidRequest"
    assert caught.value.error.target == "properties.encodedCertificate"


def test_generic_resources_are_used_by_id_as_in_the_worker(emulator: EmulatorProcess) -> None:
    namespace = emulator.make_namespace(fresh_name())
    body = {"properties": {"encodedCertificate": to_azure_pem(CHAIN.intermediate.certificate_der)}}
    child = f"{namespace}/caCertificates/by-id"
    with resource_client(emulator) as azure:
        azure.resources.begin_create_or_update_by_id(child, body, api_version=VERSION).result()
        assert azure.resources.check_existence_by_id(child, api_version=VERSION)
        assert azure.resources.get_by_id(child, api_version=VERSION).name == "by-id"
        azure.resources.begin_delete_by_id(child, api_version=VERSION).result()
        assert not azure.resources.check_existence_by_id(child, api_version=VERSION)
        listed = azure.resources.list(filter="resourceType eq 'Microsoft.EventGrid/namespaces'")
        assert namespace in [found.id for found in listed]
        assert azure.resource_groups.check_existence(GROUP.upper())
        assert GROUP in [group.name for group in azure.resource_groups.list()]
        provider = azure.providers.get("Microsoft.EventGrid")
        types = {found.resource_type: found.api_versions for found in provider.resource_types or []}
        assert VERSION in (types["namespaces"] or [])


def test_deleting_a_resource_group_deletes_everything_in_it(emulator: EmulatorProcess) -> None:
    group = f"/subscriptions/{emulator.subscription}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    emulator.call("PUT", group, {"location": LOCATION})
    namespace = f"{group}/providers/Microsoft.EventGrid/namespaces/{fresh_name()}"
    emulator.call("PUT", namespace, {"location": LOCATION})
    emulator.call("PUT", f"{namespace}/clients/c", {})
    emulator.call("DELETE", group)
    assert emulator.request("GET", namespace)[2]["error"]["code"] == "ResourceGroupNotFound"
    emulator.call("PUT", group, {"location": LOCATION})
    emulator.call("PUT", namespace, {"location": LOCATION})
    assert emulator.call("GET", f"{namespace}/clients")["value"] == []


def test_azure_identity_gets_a_token(emulator: EmulatorProcess) -> None:
    credential = ClientSecretCredential(
        emulator.tenant,
        emulator.client_id,
        emulator.client_secret,
        authority=emulator.url,
        disable_instance_discovery=True,
        connection_verify=emulator.ca,
    )
    with (
        credential,
        ResourceManagementClient(
            credential,
            emulator.subscription,
            base_url=emulator.url,
            credential_scopes=[f"{emulator.url}/.default"],
            connection_verify=emulator.ca,
        ) as azure,
    ):
        assert azure.providers.get("microsoft.eventgrid").registration_state == "Registered"


def test_topic_spaces_configuration_can_be_set_at_creation(emulator: EmulatorProcess) -> None:
    emulator.call("PUT", emulator.group_id, {"location": LOCATION})
    name = fresh_name()
    with event_grid_client(emulator) as azure:
        wanted = Namespace(location=LOCATION, topic_spaces_configuration=TopicSpacesConfiguration(state="Enabled"))
        made = azure.namespaces.begin_create_or_update(GROUP, name, wanted).result()
        assert made.topic_spaces_configuration is not None
        assert made.topic_spaces_configuration.state == "Enabled"
