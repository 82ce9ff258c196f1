"""Share an attempt, open and revoke its link, and allow links without an account."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from lab.models import AttemptSharing, SharedAttempt
from lab.sharing.engine_case import engine_case
from lab.sharing.frozen import freeze, subject_of_sharing
from namespaces.actions.teams import NO_LONGER_ALLOWED, check_verb
from namespaces.models import Client, ConnectionAttempt, Namespace
from namespaces.rights import Rights, Verb, rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User

MOST_SHARED = 100  # of one person in one namespace
KIND = "lab.sharedattempt"


def may_share(rights: Rights, namespace: Namespace, attempt: ConnectionAttempt) -> bool:
    """Return whether an attempt is this person's to share: they see it, and its clients, if registered, are not another team's."""
    return Verb.READ in rights.verbs and _may_share_clients(rights, namespace, subject_of_sharing(attempt))


def _may_share_clients(rights: Rights, namespace: Namespace, names: frozenset[str]) -> bool:
    rows = Client.objects.present().filter(namespace=namespace, name__in=names).only("team", "created_by", "namespace")
    sight = rights.sight(namespace.pk)
    return all(
        not sight.hides(row) and (row.team_id is None or row.team_id in rights.member_of or rights.covers(row))
        for row in rows
    )


def allows_public(namespace: Namespace) -> bool:
    return AttemptSharing.objects.filter(namespace=namespace, allows_public=True).exists()


def share_attempt(actor: User, *, attempt: ConnectionAttempt, lives: timedelta, is_public: bool) -> str:
    """Freeze an attempt, and return the secret of its link, of which only the hash is stored. Raise RuleError."""
    namespace = attempt.namespace
    secret = secrets.token_urlsafe(16)
    frozen, case = freeze(actor, attempt), engine_case(actor, attempt)
    with transaction.atomic():
        check_verb(actor, namespace, Verb.READ)
        if not may_share(_rights_with_teams(actor, namespace), namespace, attempt):
            raise RuleError("", NO_LONGER_ALLOWED, "This attempt is of another team's client.")
        if is_public and not allows_public(namespace):
            raise RuleError("is_public", "no-public-links", "This namespace does not allow links without an account.")
        now = timezone.now()
        mine = SharedAttempt.objects.filter(owner=actor, namespace=namespace)
        mine.filter(expires_at__lte=now).delete()
        if mine.count() >= MOST_SHARED:
            raise RuleError("", "too-many", f"You share {MOST_SHARED} attempts, which is the limit. Revoke one first.")
        SharedAttempt.objects.create(
            namespace=namespace,
            owner=actor,
            secret_hash=_hash(secret),
            cursor=attempt.cursor,
            client_name=frozen["client_name"][:128],
            frozen=frozen,
            case=case,
            is_public=is_public,
            created_at=now,
            expires_at=now + lives,
        )
        _record(actor, namespace, "Share attempt", {"public": is_public, "days": lives.days})
    return secret


def open_shared(secret: str, reader: User | None) -> SharedAttempt | None:
    """Return the shared attempt of a link for a reader (None: without an account); None where the link shows nothing to them.

    It is dead once it has expired, and while its owner may not read the attempt.
    """
    found = SharedAttempt.objects.filter(secret_hash=_hash(secret)).select_related("owner", "namespace").first()
    if found is None or found.has_expired(timezone.now()) or not found.owner.is_active:
        return None
    rights = _rights_with_teams(found.owner, found.namespace)
    names = frozenset({found.client_name} - {""})
    if Verb.READ not in rights.verbs or not _may_share_clients(rights, found.namespace, names):
        return None
    if reader is None and not (found.is_public and allows_public(found.namespace)):
        return None
    return found


def revoke_shared(actor: User, *, shared: SharedAttempt) -> bool:
    """Revoke a link of one's own. Return False when it was revoked already."""
    with transaction.atomic():
        deleted, _ = SharedAttempt.objects.filter(pk=shared.pk, owner=actor).delete()
        if deleted:
            _record(actor, shared.namespace, "Revoke shared attempt", None)
    return bool(deleted)


def set_public_links(actor: User, *, namespace: Namespace, allowed: bool) -> None:
    """Allow links without an account in a namespace, or stop those there are from working. Raise RuleError."""
    with transaction.atomic():
        check_verb(actor, namespace, Verb.OWN)
        before = allows_public(namespace)
        if before != allowed:
            AttemptSharing.objects.update_or_create(namespace=namespace, defaults={"allows_public": allowed})
            verb = "Allow public links to attempts" if allowed else "Forbid public links to attempts"
            _record(actor, namespace, verb, {"allows_public": allowed})


def end_shared_attempts(user: User) -> dict[str, int]:
    """Revoke the links of a person who is disabled, in that transaction. Return how many there were."""
    deleted, _ = SharedAttempt.objects.filter(owner=user).delete()
    return {"shared_attempts": deleted}


def _rights_with_teams(user: User, namespace: Namespace) -> Rights:
    """Return a person's rights with their teams, which `rights_now` reads only where a role is limited to them."""
    rights = rights_now(user, namespace.pk)
    return Rights(rights.grants, frozenset(user.teams.values_list("pk", flat=True)), rights.hides_other_teams)


def _hash(secret: str) -> str:
    return hashlib.sha256(
        secret.encode(errors="surrogatepass")
    ).hexdigest()  # of 128 random bits, which nobody can guess


def _record(actor: User, namespace: Namespace, verb: str, after: dict[str, object] | None) -> None:
    activity.record(
        actor,
        verb=verb,
        kind=KIND,
        object_pk=None,
        object_name="Shared attempt",  # its client may be one which not everybody sees
        scope=namespace.pk,
        scope_name=namespace.name,
        after=after,
    )
