"""The type `namespaces/caCertificates`.

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/namespaces/cacertificates and
https://learn.microsoft.com/azure/event-grid/mqtt-certificate-chain-client-authentication
"""

from certificates.authentication.chain import anchor_flaw
from certificates.x509.reading import Certificate, DecodingError, from_request_pem, load_certificate
from emulator.arm.requests.errors import conflict
from emulator.arm.resource_types.child_type import Checked, ChildType, Draft
from emulator.arm.resource_types.names import SHORT_NAME
from emulator.storage.resources import CA_CERTIFICATE

PROPERTIES = ("description", "encodedCertificate")


def _decode(draft: Draft) -> Certificate:
    fields = draft.fields
    text = fields.text("encodedCertificate")
    if not text or not text.strip():
        raise fields.error(
            "encodedCertificate", "'properties.encodedCertificate' is missing. Send the CA certificate as PEM."
        )
    try:
        certificate = load_certificate(from_request_pem(text))
    except DecodingError as error:
        message = f"The encoded certificate must be a valid PEM certificate. {error.sentence} {error.next_step}".strip()
        raise fields.error("encodedCertificate", message) from error
    if not certificate.is_ca:
        raise fields.error(
            "encodedCertificate",
            f"The certificate '{certificate.subject[:200]}' is not a CA certificate: its basic constraints do not"
            " include CA:TRUE. Register the CA certificate that signed the client certificates. For a self-signed"
            " client certificate, use the validation scheme ThumbprintMatch. A CA certificate that signs clients must be"
            " signed again with CA:TRUE.",
        )
    if flaw := anchor_flaw(certificate):
        raise fields.error(
            "encodedCertificate",
            f"No client could connect with the CA certificate '{certificate.subject[:200]}'. {flaw[:1000]}",
        )
    return certificate


def check_ca_certificate(draft: Draft) -> Checked:
    """Validate a CA certificate. Raise `ArmError`: 400 if it is not one, 409 if the name has another certificate.

    Azure cannot replace a certificate. An expired one is accepted, since Azure does not document otherwise; a CONNECT then
    fails with the reason.
    """
    draft.fields.require_known(PROPERTIES)
    description = draft.fields.description()
    certificate = _decode(draft)
    if draft.existing is not None and draft.existing.certificate != certificate.der:
        raise conflict(
            f"CA certificate '{draft.existing.name}' exists with another certificate, which cannot be replaced."
            " Register the new one under another name, then delete the old one.",
            "properties.encodedCertificate",
        )
    return Checked(
        {
            "description": description,
            "encodedCertificate": draft.fields.text("encodedCertificate"),
            "issueTimeInUtc": certificate.not_before.isoformat(),
            "expiryTimeInUtc": certificate.not_after.isoformat(),
            "provisioningState": "Succeeded",
        },
        certificate=certificate.der,
    )


CA_CERTIFICATES = ChildType(
    CA_CERTIFICATE, "CA certificate", SHORT_NAME, check_ca_certificate, lambda limits, namespace: limits.ca_certificates
)
