"""Changes to CA certificates. Each is one durable transaction: check, save, record activity, mark as due."""

from django.utils import timezone

from certificates.actions.possession import ask_for_proof
from certificates.diagnosis.upload import diagnose_ca_upload
from certificates.models import CACertificate, full_at_limit
from certificates.x509.reading import Certificate
from namespaces.actions.resources import commit, commit_if_changed, current, delete, row_for_new
from namespaces.models import Namespace
from namespaces.rights import rights_now
from namespaces.rules.clients import check_description, check_resource_name
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from sync.control import one_transaction


def upload_ca_certificate(
    actor: User, *, namespace: Namespace, team: Team | None, name: str, description: str, certificate: Certificate
) -> CACertificate:
    """Add a CA certificate. The name of one being deleted can be reused. Raises RuleError.

    Where the namespace asks for a proof of possession, a nonce is given; where it requires one, the row waits for it.
    """
    check_resource_name(name)
    check_description(description)
    with one_transaction():
        row = row_for_new(actor, CACertificate, namespace, name, team)
        _check_certificate(actor, namespace, certificate, row)
        row.name, row.description = name, description
        row.rule_notes = []
        row.set_certificate(certificate)
        row.added_at = timezone.now()  # also where the row waits for its deletion with the same certificate
        commit(actor, row, "Upload certificate", None)
        ask_for_proof(actor, row)
    return row


def _check_certificate(actor: User, namespace: Namespace, certificate: Certificate, row: CACertificate) -> None:
    sight = rights_now(actor, namespace.pk).sight(namespace.pk)
    existing = [
        (sight.name_of(other), bytes(other.der))
        for other in CACertificate.objects.present().filter(namespace=namespace).exclude(pk=row.pk)
        if other.der
    ]
    full_at = full_at_limit(namespace) if row.pk is None else 0
    at = namespace.judged_at(timezone.now())
    diagnosis = diagnose_ca_upload([certificate], existing=existing, full_at=full_at, at=at)
    for problem in diagnosis.errors:
        raise RuleError("file", problem.code, f"{problem.sentence} {problem.next_step}".strip())


def update_ca_certificate(
    actor: User, *, certificate: CACertificate, description: str, opened: str = ""
) -> CACertificate:
    """Change the description, if it differs. Raises RuleError."""
    check_description(description)
    with one_transaction():
        row = current(actor, certificate, opened)
        before = row.describe()
        row.description = description
        commit_if_changed(actor, row, "Update certificate", before)
    return row


def delete_ca_certificate(actor: User, *, certificate: CACertificate, opened: str = "") -> None:
    """Mark a CA certificate for deletion. The row stays until Azure confirms. Raises RuleError."""
    with one_transaction():
        delete(actor, current(actor, certificate, opened), "Delete certificate")
