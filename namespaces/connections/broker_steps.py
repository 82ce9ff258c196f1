"""Why the MQTT broker refused a client beside its certificate, as a step of the trace."""

from dataclasses import dataclass

from certificates.authentication.types import FAILED
from namespaces.connections.attempts import decision_of
from namespaces.models import ConnectionAttempt

# By the `code` of the emulator's log, or the `resultSignature` of Azure's.
TITLES = {
    "ip-forbidden": "IP address not allowed",
    "IpForbidden": "IP address not allowed",
    "authentication-method": "Authentication method not offered",
    "mosquitto-bridge": "Protocol level of a bridge not supported",
    "unsupported-protocol-version": "MQTT version not supported",
    "connect-rate": "Connected again too early",
    "too-many-sessions": "Too many sessions",
    "session-name-taken": "Session name belongs to another client",
    "TlsError": "TLS connection failed",
    "tls-closed": "TLS handshake aborted",
    "tls-timeout": "TLS handshake not finished",
    "tls-plain-http": "Plain HTTP on the TLS port",
    "tls-not-spoken": "Client did not speak TLS",
    "tls-no-shared-cipher": "No shared cipher suite",
    "tls-no-shared-signature": "No shared signature algorithm",
    "tls-old-version": "TLS version too old",
    "tls-endpoint-not-trusted": "Endpoint not trusted by the client",
    "tls-endpoint-rejected": "Endpoint rejected by the client",
    "tls-failed": "TLS handshake failed",
    "webhook-denied": "Denied by the webhook",
    "webhook-unauthorized": "Token rejected by the webhook",
    "webhook-expired": "Allowed only until a time that has passed",
    "webhook-timeout": "Webhook did not answer in time",
    "webhook-unreachable": "Webhook not reachable",
    "webhook-status": "Webhook answered with an error",
    "webhook-answer": "Webhook's answer not understood",
    "webhook-host": "Webhook's host not allowed by the operator",
    "webhook-token": "No token for the webhook",
    "webhook-busy": "Too many clients wait for the webhook",
    "webhook-error": "Webhook could not be asked",
    "closed-before-connect": "Client closed the connection before CONNECT",
    "closed-before-decision": "Client closed the connection while the webhook decided",
    "ServerUnavailable": "Webhook unavailable",
    "ClientError": "Error of the client",
    "QuotaExceeded": "Quota exceeded",
    "AuthorizationError": "Not permitted",
}
OTHER = "Refused by the MQTT broker"


@dataclass(frozen=True)
class BrokerStep:
    """A failed step, with what `components/step.html` shows of one."""

    code: str
    title: str
    sentence: str
    outcome: str = FAILED


def broker_step(attempt: ConnectionAttempt) -> BrokerStep | None:
    """Return the step of a refusal that was not about the certificate; None for others."""
    decision = decision_of(attempt)
    if attempt.accepted or (decision is not None and not decision.accepted):
        return None
    record = attempt.record or {}
    code, signature = str(record.get("code") or ""), str(record.get("resultSignature") or "")
    if not code and not signature:
        return None
    return BrokerStep(code or signature, TITLES.get(code) or TITLES.get(signature, OTHER), attempt.reason)
