"""What a webhook is asked: one CONNECT as JSON.

Source: https://learn.microsoft.com/azure/event-grid/mqtt-client-webhook-authentication
"""

import base64
import json
from collections.abc import Sequence

from certificates.x509.reading import to_pem
from emulator.mqtt.wire.packets import Connect, Property, property_value


def request_body(connect: Connect, chain: Sequence[bytes]) -> bytes:
    """Return the body. What the client did not send is left out. `chain` is what it presented, as DER, leaf first."""
    members = {"clientId": connect.client_id}
    if connect.user_name is not None:
        members["userName"] = connect.user_name
    if connect.password is not None:
        members["password"] = _base64(connect.password)
    method = property_value(connect.properties, Property.AUTHENTICATION_METHOD)
    if isinstance(method, str):
        members["authenticationMethod"] = method
    data = property_value(connect.properties, Property.AUTHENTICATION_DATA)
    if isinstance(data, bytes):
        members["authenticationData"] = _base64(data)
    if chain:
        members["clientCertificate"] = to_pem(chain[0])
    if len(chain) > 1:
        members["clientCertificateChain"] = "".join(to_pem(der) for der in chain[1:])
    return json.dumps(members).encode()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
