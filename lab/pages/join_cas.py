"""The CA certificates that trainees on other machines need: of the portal's own TLS certificate, and of the MQTT endpoints."""

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.conf import settings

from namespaces.connections.mqtt_endpoints import emulator_ca

SITE, MQTT = "site", "mqtt"


def ca_files() -> Mapping[str, Path]:
    """Return the files that can be downloaded, where trainees come from other machines: `PORTAL_CA_FILE` says so."""
    site, mqtt = settings.PORTAL_CA_FILE, emulator_ca()
    if not site or not Path(site).is_file():
        return {}
    return {SITE: Path(site)} | ({MQTT: Path(mqtt)} if mqtt and Path(mqtt).is_file() else {})


def fingerprint(path: Path) -> str:
    """Return the SHA-256 fingerprint of a PEM file's first certificate as browsers show it, or "" if it cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return ""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()
