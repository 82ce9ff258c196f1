"""Ask for a role, withdraw that, grant or decline it. Each is one durable transaction that is logged and announced."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from namespaces.access import visible_namespaces
from namespaces.actions.roles import grant_in_transaction
from namespaces.actions.teams import check_verb
from namespaces.models import AccessRequest, Namespace, Role
from namespaces.models.access_requests import AccessRequestQuerySet
from namespaces.rights import MANAGED, STRONGEST_FIRST, Verb, rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from portal.notifications.announcing import Place, announce
from portal.registry import places
from sync.models import same_name

OPEN_FOR = timedelta(days=14)
MOST_OPEN = 20  # of one person, so that no one fills the bells of others
LONGEST_REASON = 500
LONGEST_NAME = 50
State = AccessRequest.State


def ask_for_access(actor: User, *, namespace: Namespace, role: Role, reason: str) -> AccessRequest:
    """Ask the Owners of a namespace that the actor sees for a role. Raise RuleError."""
    with transaction.atomic(durable=True):
        _check_asker(actor)
        check_verb(actor, namespace, Verb.READ)
        held = rights_now(actor, namespace.pk).roles
        if role in held or _includes(held[0], role):
            raise RuleError("role", "held", f"You are {held[0].label} of {namespace.name} already.")
        return _ask(actor, namespace, namespace.name, role, reason, at=timezone.now())


def ask_by_name(actor: User, *, name: str, role: Role, reason: str) -> None:
    """Ask for a role in the namespace of this name, of which the actor may not know whether it exists. Raise RuleError.

    Where it exists, its Owners get to know; where several have the name, those of each. The actor sees the same in every case.
    """
    wanted = same_name("name", name)
    seen = visible_namespaces(actor).filter(wanted).order_by("pk").first()
    if seen is not None:
        ask_for_access(actor, namespace=seen, role=role, reason=reason)
        return
    with transaction.atomic(durable=True):
        _check_asker(actor)
        if _of(actor).filter(same_name("namespace_name", name), role=role, expires_at__gt=timezone.now()).exists():
            raise _asked_already(name)
        found: Sequence[Namespace | None] = list(Namespace.objects.filter(wanted).order_by("pk")) or [None]
        now = timezone.now()  # of all: to the actor they are one request
        for namespace in found:
            _ask(actor, namespace, name, role, reason, at=now)


def withdraw_request(actor: User, *, request: AccessRequest) -> int:
    """Withdraw what the actor asked for: of this role in the namespaces of this name. Return the number of requests."""
    with transaction.atomic(durable=True):
        same = _of(actor).filter(same_name("namespace_name", request.namespace_name), role=request.role)
        rows = list(same.select_for_update(of=("self",)).select_related("user", "namespace").order_by("pk"))
        for row in rows:
            _settle(row, State.WITHDRAWN, actor)
            _record(actor, row, "Withdraw access request")
    return len(rows)


def grant_request(actor: User, *, request: AccessRequest) -> AccessRequest:
    """Give the person the role that they asked for. Raise RuleError."""
    with transaction.atomic(durable=True):
        row, namespace = _open_now(actor, request)
        _settle(row, State.GRANTED, actor)
        _record(actor, row, "Grant access request")
        held = rights_now(row.user, namespace.pk).roles
        if not any(
            each == row.role or _includes(each, Role(row.role)) for each in held
        ):  # given in another way meanwhile
            grant_in_transaction(actor, namespace=namespace, role=Role(row.role), user=row.user)
        announce(
            "access_given",
            to=[row.user],
            subject=f"You are {row.role_label} of {namespace.name} now",
            sentence=f"{actor.display_name} granted what you asked for.",
            url=reverse("namespaces:namespace_overview", args=[namespace.pk]),
            scope=Place(namespace.pk, namespace.name),
        )
    return row


def decline_request(actor: User, *, request: AccessRequest) -> AccessRequest:
    """Decline what a person asked for. Raise RuleError."""
    with transaction.atomic(durable=True):
        row, _ = _open_now(actor, request)
        _settle(row, State.DECLINED, actor)
        _record(actor, row, "Decline access request")
        announce(
            "access_declined",
            to=[row.user],
            subject=f"You did not get the role {row.role_label} in {row.namespace_name}",
            sentence="An Owner declined what you asked for.",
            url=reverse("namespaces:access_ask_by_name"),
            scope=None,
        )
    return row


def close_over(at: datetime) -> int:
    """Close the requests that have expired, and those of disabled people. Return their number. A worker calls it."""
    waiting = AccessRequest.objects.filter(state=State.OPEN)
    over = waiting.filter(expires_at__lte=at) | waiting.filter(user__is_active=False)
    closed = 0
    for pk in over.order_by("pk").values_list("pk", flat=True)[:MOST_OPEN]:
        with transaction.atomic(durable=True):
            rows = AccessRequest.objects.select_for_update(of=("self",)).select_related("user", "namespace")
            row = rows.filter(pk=pk, state=State.OPEN).first()
            if row is not None:
                _settle(row, State.EXPIRED if row.user.is_active else State.CLOSED, None)
                _record(None, row, "Close access request")
                closed += 1
    return closed


def _of(actor: User) -> AccessRequestQuerySet:
    return AccessRequest.objects.filter(user=actor, state=State.OPEN)


def _check_asker(actor: User) -> None:
    if not User.objects.filter(pk=actor.pk, is_active=True).exists():
        raise RuleError("", "disabled", "Your account has been disabled.")
    if _of(actor).filter(expires_at__gt=timezone.now()).count() >= MOST_OPEN:
        raise RuleError("", "too-many", f"You have asked for {MOST_OPEN} roles. Withdraw one that you no longer need.")


def _includes(held: Role, role: Role) -> bool:
    """Return whether a role allows all that another does."""
    if held in MANAGED:
        return role is Role.READER
    return STRONGEST_FIRST.index(held) < STRONGEST_FIRST.index(role)


def _asked_already(name: str) -> RuleError:
    return RuleError(
        "role", "asked", f"You have asked for this role in {name} already. Withdraw that first to ask again."
    )


def _ask(
    actor: User, namespace: Namespace | None, name: str, role: Role, reason: str, *, at: datetime
) -> AccessRequest:
    old = _of(actor).filter(namespace=namespace, role=role, expires_at__lte=at)
    old.update(state=State.EXPIRED, decided_at=at)
    row = AccessRequest(
        namespace=namespace, namespace_name=name, user=actor, role=role, reason=reason, asked_at=at,
        expires_at=at + OPEN_FOR,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise _asked_already(name) from None
    _record(actor, row, "Ask for access")
    if namespace is not None:
        _announce(actor, row, namespace)
    return row


def _announce(actor: User, row: AccessRequest, namespace: Namespace) -> None:
    announce(
        "access_asked",
        to=places().audience(namespace.pk, None, owners=True),
        subject=f"{actor.display_name} asks to be {row.role_label} of {namespace.name}",
        sentence=f"“{row.reason}” Grant or decline it under Access control (IAM).",
        url=f"{reverse('namespaces:role_list', args=[namespace.pk])}#access-requests",
        scope=Place(namespace.pk, namespace.name),
        kind="namespaces.accessrequest",
        object_name=actor.username,
    )


def _open_now(actor: User, request: AccessRequest) -> tuple[AccessRequest, Namespace]:
    """Return the request as it is now, locked, for an Owner. Raise RuleError when it is settled or its person is disabled."""
    namespace = request.namespace
    if namespace is None:
        raise RuleError("", "gone", "There is no such request.")
    check_verb(actor, namespace, Verb.OWN)
    rows = AccessRequest.objects.select_for_update(of=("self",)).select_related("user", "namespace")
    row = rows.filter(pk=request.pk).waiting(timezone.now()).first()
    if row is None:
        raise RuleError("", "settled", "This request was settled or withdrawn, or has expired.")
    return row, namespace


def _settle(row: AccessRequest, state: AccessRequest.State, actor: User | None) -> None:
    row.state, row.decided_at, row.decided_by = state, timezone.now(), actor
    row.save(update_fields=["state", "decided_at", "decided_by"])


def _record(actor: User | None, row: AccessRequest, verb: str) -> None:
    name = row.user.display_name
    activity.record(
        actor,
        verb=verb,
        kind=activity.ACCESS_REQUESTS,
        object_pk=row.pk,
        object_name=f"{name[:120]}: {row.role_label}",
        scope=row.namespace_id,
        scope_name=row.namespace_name,
        after={"role": row.role_label, "state": State(row.state).label},
        reason=row.reason,
    )
