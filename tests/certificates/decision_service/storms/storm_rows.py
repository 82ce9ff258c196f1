"""The rows of the storm, in a process of their own that uses the storm's database and takes commands.

    python -m tests.certificates.decision_service.storms.storm_rows RESOURCE_ID TENANT AUDIENCE PRINCIPAL AT

Makes the tables, a namespace with its devices, and prints the key of its endpoint. Then each line is a command, and the answer a line.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.certificates.decision_service.storms.storming import Fleet


def main(resource_id: str, tenant: str, audience: str, principal: str, at: str) -> None:
    import django

    django.setup()
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    settings.MIGRATION_MODULES = dict.fromkeys(
        [each.label for each in apps.get_app_configs()]
    )  # the tables alone: sooner
    call_command("migrate", run_syncdb=True, verbosity=0)
    rows = Rows(Fleet(datetime.fromisoformat(at)), resource_id)
    print(rows.make(tenant, audience, principal), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        connection.close_if_unusable_or_obsolete()
        print(json.dumps(getattr(rows, command)(*arguments)), flush=True)


class Rows:
    """Each method but `make` is a command."""

    def __init__(self, fleet: Fleet, resource_id: str) -> None:
        from tests.support.database.factories import make_namespace

        self._fleet = fleet
        self._namespace = make_namespace(resource_id.rpartition("/")[2], resource_id=resource_id)

    def make(self, tenant: str, audience: str, principal: str) -> str:
        from namespaces.models import Client, DecisionPoint
        from tests.support.database.factories import make_ca_certificate, make_client, make_configuration

        webhook = {"webhook_audience": audience, "webhook_tenant": tenant, "webhook_identity": "SystemAssigned"}
        make_configuration(self._namespace, webhook_url="https://decide.example.com", **webhook)
        make_ca_certificate(self._namespace, der=self._fleet.line.der)
        for name in self._fleet.registered:
            disabled = {"state": Client.ConnectionState.DISABLED} if name == "disabled" else {}
            make_client(self._namespace, name, **disabled)
        self.revoke("revoked")
        return DecisionPoint.objects.create(namespace=self._namespace, principals=[principal]).key

    def revoke(self, name: str) -> bool:
        from certificates.actions.decision_rules.revocations import revoke_certificate
        from certificates.x509.certificate import load_certificate
        from tests.support.database.factories import owner_of

        certificate = load_certificate(self._fleet.device(name).der)
        owner = owner_of(self._namespace)
        revoke_certificate(owner, namespace=self._namespace, certificate=certificate, reason="keyCompromise")
        return True

    def log(self) -> dict[str, Any]:
        """Return how many attempts are in the log, how many requests they are of, and the user names that it says were allowed."""
        from namespaces.models import ConnectionAttempt

        rows = ConnectionAttempt.objects.filter(namespace=self._namespace)
        allowed = rows.filter(accepted=True).order_by().values_list("user_name", flat=True).distinct()
        requests = rows.exclude(request_id="").order_by().values("request_id").distinct().count()
        return {"rows": rows.count(), "requests": requests, "allowed": sorted(allowed)}


def _arguments() -> Iterator[str]:
    yield from sys.argv[1:]


if __name__ == "__main__":
    main(*_arguments())
