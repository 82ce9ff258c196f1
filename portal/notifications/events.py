"""The events that people and webhooks are notified of. Codes are stored and sent to other systems, so they never change."""

from dataclasses import dataclass
from datetime import timedelta

from portal.models import Channel


@dataclass(frozen=True)
class Event:
    """One kind of event. `default`: how people get it who have chosen nothing. `wait`: how long events of one group are
    collected before a mail or webhook reports them together; `in_activity`: the bell shows them from the activity log."""

    code: str
    label: str
    hint: str
    default: Channel
    wait: timedelta = timedelta(0)
    in_activity: bool = False


COLLECTED = timedelta(minutes=1)
EVENTS = (
    Event("ca_expiry", "CA certificate expires", "60, 30, 14, 7 days and 1 day before.", Channel.MAIL),
    Event(
        "client_expiry",
        "Certificates of clients expire",
        "60, 30, 14, 7 days and 1 day before, together for all clients of a team.",
        Channel.DIGEST,
        COLLECTED,
    ),
    Event(
        "sync_rejected",
        "Azure rejects a change",
        "With Azure's error. The bell always shows it.",
        Channel.MAIL,
        COLLECTED,
        in_activity=True,
    ),
    Event(
        "sync_parked",
        "A change waits for a decision",
        "Because the resource was also changed in Azure. The bell always shows it.",
        Channel.MAIL,
        COLLECTED,
        in_activity=True,
    ),
    Event("drift_found", "Azure differs from the portal", "Found by comparing them.", Channel.DIGEST, COLLECTED),
    Event("unknown_ca", "Unknown CA certificate in Azure", "Created or replaced outside the portal.", Channel.MAIL),
    Event(
        "issuer_alarm",
        "A client comes from another CA",
        "It connected with a certificate that another key signed than before.",
        Channel.MAIL,
        COLLECTED,
    ),
    Event(
        "ca_rollover",
        "A CA certificate is being replaced",
        "When it starts, and once a week while clients of your team have not changed.",
        Channel.MAIL,
    ),
    Event(
        "certificate_revoked",
        "A certificate is revoked",
        "Of a client or CA certificate that you look after.",
        Channel.MAIL,
        COLLECTED,
    ),
    Event(
        "certificate_released",
        "A revoked certificate counts again",
        "Because its revocation was undone.",
        Channel.MAIL,
        COLLECTED,
    ),
    Event(
        "revoked_let_in",
        "A revoked certificate is let in",
        "A client connected with one although this portal decides: Azure did not ask.",
        Channel.MAIL,
        COLLECTED,
    ),
    Event(
        "revocation_list_stale",
        "A revocation list becomes too old",
        "Of a CA certificate that you look after: in the last tenth of its time, and once when it is past its next update.",
        Channel.MAIL,
    ),
    Event(
        "revocation_list_failed",
        "A revocation list cannot be fetched",
        "Of a CA certificate that you look after: after three requests that failed.",
        Channel.MAIL,
    ),
    Event(
        "devices_waiting",
        "Devices wait to be registered",
        "On first contact, where you may register them: the first one, until none waits any more.",
        Channel.MAIL,
        COLLECTED,
    ),
    Event("import_done", "An import of clients is done", "That you started.", Channel.BELL),
    Event("change_set_requested", "Your approval is asked for", "Of a change set in a namespace.", Channel.MAIL),
    Event("change_set_approved", "A change set is approved", "That you requested.", Channel.BELL),
    Event(
        "change_set_declined",
        "A change set is declined",
        "That you requested; or it has expired, or no longer applies.",
        Channel.MAIL,
    ),
    Event("change_set_comment", "A comment on a change set", "That you requested or commented on.", Channel.BELL),
    Event("change_set_applied", "A change set is applied", "That you requested or approved.", Channel.BELL),
    Event("change_set_parked", "Azure stops a change set", "That you requested or approved.", Channel.MAIL),
    Event(
        "change_set_emergency",
        "An Owner applies changes at once",
        "Without approval, in a namespace that you own or in which they reach clients of a team that you lead.",
        Channel.MAIL,
    ),
    Event("access_asked", "Access is asked for", "In a namespace that you own.", Channel.MAIL),
    Event("access_given", "You get access", "To a namespace, after you asked.", Channel.MAIL),
    Event("access_declined", "Access is declined", "That you asked for.", Channel.MAIL),
)
BY_CODE = {event.code: event for event in EVENTS}
