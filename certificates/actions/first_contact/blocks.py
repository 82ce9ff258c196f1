"""Names and certificates that are not registered on first contact, until a person releases them."""

from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.utils import timezone

from certificates.authentication.types import authentication_name_key
from certificates.models import BlockedName, BlockReason, WaitingDevice
from namespaces.actions.teams import NO_LONGER_ALLOWED
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.models import Client, ClientCertificate
from namespaces.rights import rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import one_transaction
from sync.models import SyncedModel

BLOCK_KIND = "blocked_name"  # in change sets
BATCH = 500


def note_changed_clients(rows: Sequence[SyncedModel]) -> None:
    """Block the names and certificates of clients that are deleted, and the former names of renamed ones.

    `sync` calls this in the transaction of every change. A disabled client is not blocked: it is there, and is refused as disabled.
    """
    clients = [row for row in rows if isinstance(row, Client)]
    blocks = [each for row in clients if row.deleted_at is None for each in _former_names(row)]
    deleted = [row for row in clients if row.deleted_at is not None]
    if deleted:
        certificates = _certificates(deleted)
        for row in deleted:
            found = ("", *sorted(certificates[row.namespace_id, row.name.lower()]))
            blocks += [_block(row, row.authentication_name, each, BlockReason.DELETED) for each in found]
    store(blocks)


def _former_names(row: Client) -> list[BlockedName]:
    """Return the name under which Azure still has a client that has another one here."""
    former = ((row.base or {}).get("properties") or {}).get("authenticationName") or ""
    if not former or authentication_name_key(former) == row.authentication_key:
        return []
    return [_block(row, former, "", BlockReason.RENAMED)]


def _block(row: Client, name: str, thumbprint: str, reason: BlockReason) -> BlockedName:
    return BlockedName(
        namespace_id=row.namespace_id,
        authentication_name=name[:128],
        authentication_key=authentication_name_key(name[:128]),
        thumbprint=thumbprint,
        client_name=row.name,
        team_id=row.team_id,
        reason=reason,
        at=timezone.now(),
    )


def _certificates(rows: Iterable[Client]) -> dict[tuple[int, str], set[str]]:
    """Return the thumbprints of the certificates that clients may have, by namespace and name."""
    found: dict[tuple[int, str], set[str]] = {}
    names: dict[int, list[str]] = {}
    for row in rows:
        own = {each for each in (*row.thumbprints, row.certificate_thumbprint) if each}
        found[row.namespace_id, row.name.lower()] = own
        names.setdefault(row.namespace_id, []).append(row.name)
    for namespace_pk, called in names.items():
        shown = ClientCertificate.objects.filter(namespace=namespace_pk, client_name__in=called)
        for name, thumbprint in shown.values_list("client_name", "thumbprint"):
            found[namespace_pk, name.lower()].add(thumbprint)
    return found


def store(blocks: Iterable[BlockedName]) -> None:
    """Store blocks, inside the caller's transaction. One that is there already is renewed."""
    once = {(each.namespace_id, each.authentication_key, each.thumbprint): each for each in blocks}
    if once:
        BlockedName.objects.bulk_create(
            once.values(),
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["namespace", "authentication_key", "thumbprint"],
            update_fields=["authentication_name", "client_name", "team", "reason", "at"],
        )


def block_of(namespace_pk: int, authentication_name: str, thumbprint: str) -> BlockedName | None:
    """Return the block of a name or of a certificate, None where neither is blocked."""
    by_name = Q(authentication_key=authentication_name_key(authentication_name), thumbprint="")
    blocked = BlockedName.objects.filter(by_name | Q(thumbprint=thumbprint), namespace=namespace_pk)
    found: BlockedName | None = blocked.order_by("thumbprint").first()
    return found


def release_name(actor: User, *, blocked: BlockedName) -> None:
    """Let a name, and the certificates that are blocked with it, be registered on first contact again. Raise RuleError, NeedsApproval."""
    with one_transaction():
        rows = BlockedName.objects.select_for_update(of=("self",)).select_related("namespace", "team")
        row = rows.filter(pk=blocked.pk, thumbprint="").first()
        if row is None:
            raise RuleError("", "released-already", "This name was released already.")
        check_team(actor, row)
        with_it = BlockedName.objects.filter(namespace=row.namespace_id, authentication_key=row.authentication_key)
        before = {
            "authentication_name": row.authentication_name,
            "block_reason": row.reason,
            "thumbprints": sorted(with_it.exclude(thumbprint="").values_list("thumbprint", flat=True)),
        }
        draft = Draft(BLOCK_KIND, "release", row.authentication_name, "", row.team, before, None)
        check_other(actor, row.namespace_id, [Need.LOOSEN_RULE], draft)
        with_it.delete()
        activity.record(
            actor,
            verb="Release name",
            kind=Client._meta.label_lower,
            object_pk=None,
            object_name=row.authentication_name,
            scope=row.namespace_id,
            scope_name=row.namespace.name,
            team=row.team,
            before=before,
        )


def check_team(actor: User, row: BlockedName | WaitingDevice) -> None:
    """Check, inside the transaction, that the actor may create clients of the team of a blocked name or waiting device."""
    if rights_now(actor, row.namespace_id).reach(Client).covers(row.team_id):
        return
    owner = f"team {row.team.name}" if row.team is not None else "no team"
    raise RuleError("", NO_LONGER_ALLOWED, f"It belongs to {owner}. You may not create clients of {owner} here.")
