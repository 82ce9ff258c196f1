"""A row of the table of certificates × users, put into a live endpoint and presented to it."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates.authentication.engine import authentication_name_key
from tests.certificates.authentication.engine_table.cases import Case
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.support.certificates.chains import authority


@pytest.fixture(scope="module")
def table_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlant]:
    made = LocalPlant(tmp_path_factory.mktemp("table"))
    yield made
    made.close()


def arrange(plant: LocalPlant, case: Case) -> None:
    """Set up the namespace of a row."""
    with plant.store.transaction():
        for kind, resource_type in (("clients", "clients"), ("caCertificates", "caCertificates")):
            for row in plant.store.children(plant.namespace_id, f"Microsoft.EventGrid/namespaces/{resource_type}"):
                plant.delete(kind, row.name)
        plant.configure(clientAuthentication={"alternativeAuthenticationNameSources": list(case.sources)})
        for name, identity in case.uploaded.items():
            plant.upload(name, identity.der)
        for client in case.clients:
            plant.put_client(
                client.name,
                authentication_name=client.authentication_name,
                unique_key=authentication_name_key(client.authentication_name),
                state="Enabled" if client.enabled else "Disabled",
                clientCertificateAuthentication={
                    "validationScheme": client.validation_scheme,
                    "allowedThumbprints": list(client.thumbprints),
                },
            )


def context_of(plant: LocalPlant, case: Case, folder: Path, *, usual_level: bool = False) -> ssl.SSLContext:
    """Return a TLS client that presents the row's certificates. Raises `ssl.SSLError` when no TLS client would."""
    context = w.client_context(plant, None)
    if case.weak and not usual_level:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if case.presented is not None:
        leaf = case.der or b""
        pem = ssl.DER_cert_to_PEM_cert(leaf) + "".join(ssl.DER_cert_to_PEM_cert(sent.der) for sent in case.chain)
        certificate, key = folder / "presented.crt", folder / "presented.key"
        certificate.write_text(pem)
        # Where no key can exist, a client may still try another one.
        key.write_bytes(case.presented.key_pem if case.presented.key is not None else authority("Other").key_pem)
        context.load_cert_chain(certificate, key)
    return context
