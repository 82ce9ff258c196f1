"""Links from a failed step to the form that fixes it."""

from urllib.parse import urlencode

from django.urls import reverse

from certificates.authentication.matching import THUMBPRINT_SCHEME, fitting_scheme
from certificates.authentication.types import (
    CHANGE_BINDING,
    CHANGE_NAME,
    CHANGE_PIN,
    CHANGE_POLICY,
    CHOOSE_SOURCES,
    CREATE_CLIENT,
    ENABLE_CLIENT,
    REGISTER_THUMBPRINT,
    RELEASE_CERTIFICATE,
    SET_SCHEME,
    UNUSED_SOURCE,
    UPLOAD_CA,
    UPLOAD_LIST,
    USE_THUMBPRINT,
    ClientRecord,
    Decision,
)
from certificates.models import CACertificate
from certificates.x509.certificate import Certificate
from namespaces.forms.prefill import add_source_url, thumbprint_place, update_client_url
from namespaces.models import Namespace

NO_LINK = "", ""


def fix_link(
    action: str, decision: Decision, leaf: Certificate | None, namespace: Namespace, create_url: str
) -> tuple[str, str]:
    """Return the URL of the filled-in form and the text of its link; both "" when the fix is made elsewhere.

    Arguments: `action`, of the failed step, a code of `certificates.authentication.types`; `create_url`, of Create
    client filled in from this certificate, "" when its name is taken or cannot be a client's.
    """
    if action == UPLOAD_CA:
        return reverse("certificates:ca_certificate_upload", args=[namespace.pk]), "Upload certificate"
    if action == CHOOSE_SOURCES:
        values = dict(decision.failing.values) if decision.failing is not None else {}
        return add_source_url(namespace.pk, values.get(UNUSED_SOURCE, "")), "Open Configuration"
    if action == CREATE_CLIENT and create_url:
        return create_url, "Create client from this certificate"
    if action in (RELEASE_CERTIFICATE, UPLOAD_LIST, CHANGE_BINDING, CHANGE_POLICY):
        return _of_rule(action, decision, namespace)
    if decision.client is not None:
        return _of_client(action, decision.client, leaf, namespace)
    return NO_LINK


def _of_rule(action: str, decision: Decision, namespace: Namespace) -> tuple[str, str]:
    """Return the page of the rule that refused the client. A CA certificate that is hidden from the person has none."""
    values = dict(decision.failing.values) if decision.failing is not None else {}
    if action == RELEASE_CERTIFICATE:
        query = urlencode({"q": values.get("serial number", "")})
        return f"{reverse('certificates:revoked_list', args=[namespace.pk])}?{query}", "Open revoked certificates"
    if action == UPLOAD_LIST:
        return reverse("certificates:ca_certificate_crls", args=[namespace.pk]), "Open revocation lists"
    if action == CHANGE_POLICY:
        return reverse("certificates:rules", args=[namespace.pk]), "Open rules"
    name = values.get("CA certificate", "")
    if not CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace.pk, name=name).exists():
        return NO_LINK
    return reverse("certificates:ca_certificate_binding", args=[namespace.pk, name]), f"Open {name}"


def _of_client(action: str, client: ClientRecord, leaf: Certificate | None, namespace: Namespace) -> tuple[str, str]:
    text = f"Open client {client.name}"
    if action == ENABLE_CLIENT:
        return update_client_url(namespace.pk, client.name, field="id_state"), text
    if action == CHANGE_NAME:
        url = reverse("namespaces:client_change_authentication_name", args=[namespace.pk, client.name])
        return url, "Change authentication name"
    if action == CHANGE_PIN:
        return reverse("certificates:client_certificates", args=[namespace.pk, client.name]), text
    if leaf is None:
        return NO_LINK
    thumbprint = leaf.thumbprint_sha256
    if action == REGISTER_THUMBPRINT:
        field = f"id_thumbprint_{thumbprint_place(client.thumbprints) + 1}"
        return update_client_url(namespace.pk, client.name, field=field, thumbprint=thumbprint), text
    if action == USE_THUMBPRINT:
        scheme = THUMBPRINT_SCHEME
    elif action == SET_SCHEME:
        scheme = fitting_scheme(leaf, client.authentication_name, but=client.validation_scheme)
        thumbprint = ""
    else:
        return NO_LINK
    field = "id_validation_scheme"
    return update_client_url(namespace.pk, client.name, field=field, scheme=scheme, thumbprint=thumbprint), text
