"""CA certificates in change sets: for what their changes need approval, and how those are made when they are approved."""

from collections.abc import Mapping
from typing import Any

from certificates.actions.ca_certificates import delete_ca_certificate, update_ca_certificate, upload_ca_certificate
from certificates.models import CACertificate
from certificates.x509.reading import DecodingError, load_certificate, read_upload
from namespaces.actions.change_sets.row_kinds import RowActions, row_kind
from namespaces.control.reach import NO_TEAM, other_teams_reached, teams_reached
from namespaces.control.rules.policy import Need
from namespaces.models import Change, Namespace
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from sync.control import Intention, Operation
from sync.models import SyncedModel

_NEEDS = {
    Operation.CREATE: Need.CA_UPLOAD,
    Operation.DELETE: Need.CA_DELETE,
    Operation.ADOPT: Need.CA_ADOPT,
    Operation.TAKE: Need.CA_ADOPT,
}


def _needs(intention: Intention) -> frozenset[Need]:
    row: Any = intention.row
    need = _NEEDS.get(intention.operation)
    was = (intention.before or {}).get("thumbprint")
    if intention.operation in (Operation.UPDATE, Operation.TAKE) and was != row.thumbprint:
        need = Need.CA_ADOPT
    elif intention.operation is Operation.TAKE:
        need = None  # only its description
    if need is None:
        return frozenset()
    return frozenset({need}) if other_teams_reached(row.namespace, bytes(row.der), row.team_id) else frozenset()


def _values(row: CACertificate) -> dict[str, Any]:
    return row.describe() | {"certificate": row.pem}


def _der(values: Mapping[str, Any]) -> bytes:
    return read_upload(str(values["certificate"]).encode())[0].der


def _affected(namespace: Namespace, change: Change) -> frozenset[int]:
    """Return the teams whose clients the certificate could authenticate, and the one that it belongs to."""
    held = change.before if change.operation == Operation.DELETE else change.values
    own = frozenset({(held or {}).get("team") or NO_TEAM})
    is_readable = bool((held or {}).get("certificate"))
    return own | teams_reached(namespace, _der(held) if is_readable else b"")  # without one, every client counts


def _upload(actor: User, namespace: Namespace, team: Team | None, values: Mapping[str, Any]) -> SyncedModel:
    try:
        certificate = load_certificate(_der(values))
    except DecodingError as problem:
        raise RuleError("file", problem.code, problem.sentence) from None
    return upload_ca_certificate(
        actor,
        namespace=namespace,
        team=team,
        name=values["name"],
        description=values["description"],
        certificate=certificate,
    )


def _update(actor: User, row: CACertificate, values: Mapping[str, Any], edition: str) -> SyncedModel:
    return update_ca_certificate(actor, certificate=row, description=values["description"], opened=edition)


def _delete(actor: User, row: CACertificate, edition: str) -> None:
    delete_ca_certificate(actor, certificate=row, opened=edition)


CA_CERTIFICATE = row_kind(
    "ca_certificate",
    CACertificate,
    RowActions(_upload, _update, _delete),
    needs=_needs,
    values=_values,
    affected=_affected,
)
