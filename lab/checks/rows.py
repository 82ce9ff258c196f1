"""Checks of CA certificates, clients and configuration, and of whether Azure has them."""

from django.db.models import F

from certificates.authentication.engine import authentication_name_key
from certificates.reach.conditions import in_reach_of
from lab.checks.situation import Situation, check
from namespaces.models import Client, NamespaceConfiguration
from portal.models import Activity
from sync.models import SyncedQuerySet


def _uploaded(situation: Situation, file: str) -> SyncedQuerySet:
    rows, thumbprint = situation.cas(), situation.thumbprint(file)
    if thumbprint:
        return rows.filter(thumbprint=thumbprint)
    if file == "intermediate_ca":  # a chain made elsewhere, of which the portal has seen no file yet
        return rows.exclude(subject=F("issuer"))
    return rows.filter(subject=F("issuer")) if file == "root_ca" else rows.none()


@check()
def chain_seen(situation: Situation, *, client: str) -> bool:
    """The portal has read a client certificate and the CA certificate that issued it."""
    leaf = situation.files.get(client, {})
    issuers = [each["subject"] for stem, each in situation.files.items() if stem != client]
    return bool(leaf) and leaf["issuer"] in issuers


@check()
def ca_uploaded(situation: Situation, *, file: str) -> bool:
    return _uploaded(situation, file).exists()


@check()
def ca_synced(situation: Situation, *, file: str) -> bool:
    """Azure has confirmed the CA certificate."""
    return _uploaded(situation, file).filter(generation=F("synced_generation")).exists()


@check()
def ca_deleted(situation: Situation, *, file: str) -> bool:
    return bool(situation.thumbprint(file)) and not _uploaded(situation, file).exists()


@check()
def out_of_reach(situation: Situation, *, client: str, file: str) -> bool:
    """The client exists, and the uploaded CA certificate could not authenticate as it."""
    row, found = _uploaded(situation, file).first(), situation.clients().named(client)
    condition = in_reach_of(situation.namespace, row.name) if row is not None else None
    return condition is not None and found.exists() and not found.filter(condition).exists()


@check()
def client_registered(
    situation: Situation,
    *,
    client: str,
    scheme: str = "",
    authentication_name: str = "",
    state: str = "",
    file: str = "",
) -> bool:
    """The client exists, and has the values that are given. `file`: its certificate is among the thumbprints."""
    found = situation.clients().named(client).first()
    if found is None:
        return False
    key = authentication_name_key(authentication_name or found.authentication_name)
    return (
        scheme in {"", found.validation_scheme}
        and found.authentication_key == key
        and state in {"", found.state}
        and (not file or situation.thumbprint(file) in found.thumbprints)
    )


@check()
def client_synced(situation: Situation, *, client: str) -> bool:
    """Azure has confirmed the client."""
    return situation.clients().named(client).filter(generation=F("synced_generation")).exists()


@check()
def client_absent(situation: Situation, *, client: str) -> bool:
    return not situation.clients().named(client).exists()


@check()
def clients_exist(situation: Situation, *, clients: list[str]) -> bool:
    return situation.clients().filter(name__in=clients).count() == len(clients)


@check()
def name_from_certificate(situation: Situation) -> bool:
    """The namespace finds the authentication name in the certificate where no user name is sent."""
    row = NamespaceConfiguration.objects.filter(namespace=situation.namespace).first()
    return row is not None and bool(row.sources)


@check()
def clients_synced(situation: Situation, *, clients: list[str]) -> bool:
    """Azure has confirmed all of these clients."""
    rows = situation.clients().filter(name__in=clients, generation=F("synced_generation"))
    return rows.count() == len(clients)


@check()
def client_deleted(situation: Situation, *, client: str) -> bool:
    """The client was there since the exercise began, and is deleted."""
    return _was_there(situation, client) and not situation.clients().named(client).exists()


def _was_there(situation: Situation, client: str) -> bool:
    entries = Activity.objects.of_scope(situation.namespace.pk).filter(object_name=client, verb__startswith="Delete")
    return entries.filter(at__gte=situation.progress.started_at, kind=Client._meta.label_lower).exists()
