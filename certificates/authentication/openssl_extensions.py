"""Find the extension because of which OpenSSL builds no chain with a certificate. Pure.

OpenSSL reads the extensions below whenever it looks for an issuer, needed or not. When one is malformed, it reports that
there is no issuer, as TLS servers then do, and not which part is wrong. Source: OpenSSL's `ossl_x509v3_cache_extensions`.
"""

from OpenSSL import crypto

from certificates.x509.repairs import NotDerError, Parts, dotted, parts_of, rebuilt, states_a_serial_number

_READ = {
    "2.5.29.14": "subject key identifier",
    "2.5.29.15": "key usage",
    "2.5.29.17": "subject alternative name",
    "2.5.29.19": "basic constraints",
    "2.5.29.30": "name constraints",
    "2.5.29.31": "CRL distribution points",
    "2.5.29.35": "authority key identifier",
    "2.5.29.37": "extended key usage",
    "1.3.6.1.5.5.7.1.7": "IP address blocks",
    "1.3.6.1.5.5.7.1.8": "AS identifiers",
    "1.3.6.1.5.5.7.1.14": "proxy certificate information",
    "2.16.840.1.113730.1.1": "Netscape certificate type",
}
_NO_ISSUER = {1, 20}  # X509_V_ERR_UNSPECIFIED, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY


def unreadable_extension(der: bytes) -> str:
    """Return the name of the extension that OpenSSL cannot read, or "" where there is none."""
    try:
        parts = parts_of(der)
        if not any(dotted(extension.oid) in _READ for extension in parts.extensions) or _finds_an_issuer(parts):
            return ""
        for extension in parts.extensions:
            rest = tuple(other for other in parts.extensions if other is not extension)
            if dotted(extension.oid) in _READ and _finds_an_issuer(parts._replace(extensions=rest)):
                return _READ[dotted(extension.oid)]
    except (NotDerError, crypto.Error):
        pass
    return ""


def _finds_an_issuer(parts: Parts) -> bool:
    """Return whether OpenSSL takes a certificate of the issuer's name for the issuer. The signature does not matter for that.

    The subject is left out, so that no certificate is self-signed, and so is the serial number that it names its issuer by.
    """
    kept = tuple(extension for extension in parts.extensions if not states_a_serial_number(extension))
    leaf = rebuilt(parts._replace(subject=b"\x30\x00", extensions=kept))
    issuer = rebuilt(parts._replace(subject=parts.issuer, extensions=()))
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, issuer))
    try:
        crypto.X509StoreContext(store, crypto.load_certificate(crypto.FILETYPE_ASN1, leaf)).verify_certificate()
    except crypto.X509StoreContextError as error:
        return error.errors[0] not in _NO_ISSUER
    return True
