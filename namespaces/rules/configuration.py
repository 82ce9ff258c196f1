"""What the settings of a namespace must be. Pure: the form, the action and the import all ask here.

Source: Azure Event Grid namespaces, `topicSpacesConfiguration`.
"""

from collections.abc import Sequence

from namespaces.rules.errors import RuleError

# Value in ARM, and the words of the Azure portal.
SOURCES = (
    ("ClientCertificateSubject", "Certificate Subject Name"),
    ("ClientCertificateDns", "Certificate Dns"),
    ("ClientCertificateUri", "Certificate Uri"),
    ("ClientCertificateIp", "Certificate Ip"),
    ("ClientCertificateEmail", "Certificate Email"),
)
SESSIONS = range(1, 101)
EXPIRY_HOURS = range(1, 9)
DEFAULT_SESSIONS = 1
DEFAULT_EXPIRY_HOURS = 1
STATES = ("Enabled", "Disabled")


def check_broker_state(state: str) -> None:
    """Raises RuleError unless the broker can be in this state."""
    if state not in STATES:
        raise RuleError("state", "unknown", "The MQTT broker is Enabled or Disabled.")


def check_sources(sources: Sequence[str]) -> None:
    """Raises RuleError unless authentication names can come from these sources, in this order."""
    known = {value for value, _ in SOURCES}
    if not all(source in known for source in sources):
        raise RuleError("sources", "unknown", "Choose sources of the list.")
    if len(set(sources)) != len(sources):
        raise RuleError("sources", "same-twice", "A source is listed twice. Choose each once.")


def check_sessions(number: int) -> None:
    """Raises RuleError unless an authentication name can have at most this many sessions."""
    if number not in SESSIONS:
        raise RuleError("max_sessions", "bounds", f"Between {SESSIONS[0]} and {SESSIONS[-1]} sessions are possible.")


def check_expiry_hours(hours: int) -> None:
    """Raises RuleError unless sessions can live for so many hours without a connection."""
    if hours not in EXPIRY_HOURS:
        raise RuleError(
            "max_expiry_hours", "bounds", f"Between {EXPIRY_HOURS[0]} and {EXPIRY_HOURS[-1]} hours are possible."
        )


def check_configuration(state: str, sources: Sequence[str], max_sessions: int, max_expiry_hours: int) -> None:
    """Raises RuleError with the field that is wrong."""
    check_broker_state(state)
    check_sources(sources)
    check_sessions(max_sessions)
    check_expiry_hours(max_expiry_hours)


def configuration_problems(state: str, sources: Sequence[str], max_sessions: int, max_expiry_hours: int) -> list[str]:
    """What the rules would refuse of settings that Azure holds, as sentences."""
    try:
        check_configuration(state, sources, max_sessions, max_expiry_hours)
    except RuleError as refusal:
        return [refusal.sentence]
    return []
