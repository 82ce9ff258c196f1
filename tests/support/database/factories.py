"""Factories of rows. The rows are in sync with Azure unless a test asks for something else."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from certificates.authentication.types import authentication_name_key
from certificates.models import BlockedName, CACertificate, RevocationAlarm, RevokedCertificate, WaitingDevice
from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import load_certificate
from namespaces.models import (
    Client,
    ClientCertificate,
    ClientGroup,
    IssuerAlarm,
    Namespace,
    NamespaceConfiguration,
    NamespaceRole,
    PermissionBinding,
    Role,
    TopicSpace,
)
from namespaces.rights import Rights
from portal.models import Team, User

SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
GROUP = "mqtt-tests"
PASSWORD = "correct horse battery"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def namespace_id(name: str, *, subscription: str = SUBSCRIPTION, group: str = GROUP) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventGrid/namespaces/{name}"


def make_user(username: str = "ada", **fields: Any) -> User:
    return User.objects.create_user(username, password=PASSWORD, **fields)


def make_admin(username: str = "admin") -> User:
    return User.objects.create_superuser(username, password=PASSWORD)


def make_team(name: str = "Line 1", *members: User) -> Team:
    team = Team.objects.create(name=name)
    team.members.set(members)
    return team


def make_namespace(name: str = "factory", *, resource_id: str = "", **roles: Any) -> Namespace:
    """Make a connected namespace, read as an owner reads it. `owner=`, `reader=` and so on give a user or a team that role."""
    resource_id = resource_id or namespace_id(name)
    namespace = Namespace.objects.create(
        resource_id=resource_id,
        resource_key=resource_id.lower(),
        name=name,
        location="westeurope",
        hostname=f"{name}.westeurope-1.ts.eventgrid.azure.net",
        connected_at=timezone.now(),
        import_state=Namespace.Import.DONE,
    )
    for role, holder in roles.items():
        who = {"team": holder} if isinstance(holder, Team) else {"user": holder}
        NamespaceRole.objects.create(namespace=namespace, role=Role(role), **who)
    namespace.rights = Rights(((Role.OWNER, None),))
    return namespace


def owner_of(namespace: Namespace) -> User:
    """Return a user who owns the namespace, the same at each call."""
    name = f"owner-of-{namespace.name}"
    user = User.objects.filter(username=name).first() or make_user(name)
    NamespaceRole.objects.get_or_create(namespace=namespace, user=user, role=Role.OWNER)
    return user


def make_client(namespace: Namespace, name: str = "sensor-1", **fields: Any) -> Client:
    authentication_name = fields.pop("authentication_name", name)
    fields = {"validation_scheme": "SubjectMatchesAuthenticationName", "synced_generation": 1, **fields}
    client = Client(namespace=namespace, name=name, **fields)
    client.set_authentication_name(authentication_name)
    client.save()
    return client


def make_issuer_alarm(client: Client, **fields: Any) -> IssuerAlarm:
    keys = {"former_key": "0a" * 32, "key": "0b" * 32, "former_issuer": "CN=Line CA", "issuer": "CN=Other CA"}
    times = {"at": timezone.now(), "last_at": timezone.now(), "cursor": 1}
    values: dict[str, Any] = {**keys, **times, **fields}
    return IssuerAlarm.objects.create(namespace=client.namespace, client=client, **values)


def make_ca_der(*, at: datetime | None = None) -> bytes:
    """Make a new CA certificate, valid around `at` (default: now)."""
    return make_sample_chain([ClientName("sensor-1")], at=at or timezone.now()).intermediate.certificate_der


def make_ca_certificate(
    namespace: Namespace, name: str = "line-ca", *, der: bytes = b"", **fields: Any
) -> CACertificate:
    row = CACertificate(namespace=namespace, name=name, **{"synced_generation": 1, **fields})
    row.set_certificate(load_certificate(der or make_ca_der()))
    row.save()
    return row


def make_client_certificate(namespace: Namespace, client_name: str, der: bytes, **fields: Any) -> ClientCertificate:
    """Make a certificate that a client showed when it connected."""
    leaf = load_certificate(der)
    times = {"seen_at": timezone.now(), "not_after": leaf.not_after, "has_connected": True}
    facts = {"thumbprint": leaf.thumbprint_sha256, "der": der, "subject": leaf.subject, "issuer": leaf.issuer}
    return ClientCertificate.objects.create(namespace=namespace, client_name=client_name, **facts | times | fields)


def make_revoked_certificate(namespace: Namespace, client_name: str, der: bytes, **fields: Any) -> RevokedCertificate:
    """Make a certificate of a client that is revoked."""
    row = RevokedCertificate(namespace=namespace, client_name=client_name, revoked_at=timezone.now(), **fields)
    row.set_certificate(load_certificate(der))
    row.save()
    return row


def make_revocation_alarm(client: Client, **fields: Any) -> RevocationAlarm:
    """Make an alarm about a client that was let in with a revoked certificate."""
    known = {"thumbprint": "0c" * 32, "subject": "CN=sensor-1", "serial": "1f"}
    times = {"at": timezone.now(), "last_at": timezone.now(), "cursor": 1}
    values: dict[str, Any] = {**known, **times, **fields}
    return RevocationAlarm.objects.create(namespace=client.namespace, client=client, **values)


def make_waiting_device(namespace: Namespace, ca: str, name: str, der: bytes, **fields: Any) -> WaitingDevice:
    """Make a device that waits for a person, below the CA certificate of this name."""
    times = {"first_seen_at": timezone.now(), "last_seen_at": timezone.now()}
    leaf, row = load_certificate(der), CACertificate.objects.get(namespace=namespace, name=ca)
    facts = {"thumbprint": leaf.thumbprint_sha256, "der": der, "subject": leaf.subject, "user_name": name}
    names = {"authentication_name": name, "authentication_key": authentication_name_key(name)}
    return WaitingDevice.objects.create(namespace=namespace, ca=row, **facts | names | times | fields)


def make_blocked_name(namespace: Namespace, name: str, **fields: Any) -> BlockedName:
    names = {"authentication_name": name, "authentication_key": authentication_name_key(name)}
    values: dict[str, Any] = {"client_name": name, "reason": "deleted", "at": timezone.now(), **names, **fields}
    return BlockedName.objects.create(namespace=namespace, **values)


def make_configuration(namespace: Namespace, **fields: Any) -> NamespaceConfiguration:
    row = NamespaceConfiguration(
        namespace=namespace, name=namespace.name, **{"state": "Enabled", "synced_generation": 1, **fields}
    )
    row.save()
    return row


def make_client_group(
    namespace: Namespace, name: str = "presses", query: str = "attributes.type = 'press'", **fields: Any
) -> ClientGroup:
    row = ClientGroup(namespace=namespace, name=name, query=query, **{"synced_generation": 1, **fields})
    row.save()
    return row


def make_topic_space(namespace: Namespace, name: str = "machines", *templates: str, **fields: Any) -> TopicSpace:
    held = list(templates or ("machines/${client.authenticationName}/#",))
    row = TopicSpace(namespace=namespace, name=name, templates=held, **{"synced_generation": 1, **fields})
    row.save()
    return row


def make_permission_binding(
    namespace: Namespace,
    name: str = "presses-publish",
    *,
    group: str = "presses",
    space: str = "machines",
    permission: str = "Publisher",
    **fields: Any,
) -> PermissionBinding:
    row = PermissionBinding(
        namespace=namespace,
        name=name,
        client_group_name=group,
        topic_space_name=space,
        permission=permission,
        **{"synced_generation": 1, **fields},
    )
    row.save()
    return row
