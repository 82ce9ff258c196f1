"""Create a row of the table of certificates × users in the portal's database."""

from namespaces.models import Namespace
from tests.certificates.authentication.engine_table.cases import Case
from tests.support.database.factories import make_ca_certificate, make_client, make_configuration, make_namespace


def arranged(case: Case) -> Namespace:
    """Create the namespace of the row."""
    namespace = make_namespace()
    make_configuration(namespace, sources=list(case.sources))
    for name, identity in case.uploaded.items():
        make_ca_certificate(namespace, name, der=identity.der)
    for client in case.clients:
        make_client(
            namespace,
            client.name,
            authentication_name=client.authentication_name,
            validation_scheme=client.validation_scheme,
            thumbprints=list(client.thumbprints),
            state="Enabled" if client.enabled else "Disabled",
        )
    return namespace
