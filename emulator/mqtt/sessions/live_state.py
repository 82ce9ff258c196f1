"""The live state of one client: its sessions, their subscriptions and its message counts, as the control API serves it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from emulator.mqtt.authorization.topics import Authorization
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.message_counts import Refusal, Tally
from emulator.mqtt.sessions.session import Session

MAX_SESSIONS_SHOWN = 25  # of up to 100; the newest, those that are connected first

NOTHING: Mapping[str, Any] = {"isListening": False, "sessionCount": 0, "sessions": [], "messages": None}


def live_state(broker: Broker, authorization: Authorization, owner: str, *, wall_offset: float) -> dict[str, Any]:
    """Return the state of one client. `messages` is None before it first connected.

    Arguments: `owner`, the key of its authentication name; `wall_offset`, seconds from the broker's clock to Unix time.
    """
    wall = wall_offset
    mine = broker.sessions_of(owner)
    found = sorted(mine, key=lambda session: (session.is_connected, session.since), reverse=True)
    tally = broker.tallies.find(owner)
    return {
        "isListening": True,
        "sessionCount": len(found),
        "sessions": [_session(broker, each, authorization, wall) for each in found[:MAX_SESSIONS_SHOWN]],
        "messages": _messages(tally, wall) if tally is not None else None,
    }


def _session(broker: Broker, session: Session, authorization: Authorization, wall: float) -> dict[str, Any]:
    subscriptions = []
    for subscription in session.subscriptions.values():
        access = authorization.may_subscribe(session.owner, subscription.topic_filter)
        group = broker.group_of(subscription.topic_filter)
        subscriptions.append(
            {
                "topicFilter": subscription.topic_filter,
                "qos": subscription.qos,
                "isPermitted": access.allowed,
                "topicSpace": access.space if access.allowed else "",
                "permissionBinding": access.binding,
                **({"sharedQueuedMessages": group.waiting} if group is not None else {}),
            }
        )
    return {
        "sessionName": session.name,
        "state": "Connected" if session.is_connected else "Kept",
        "since": _time(session.since, wall),
        "protocol": session.protocol,
        "keepAliveInSeconds": session.keep_alive,
        "sessionExpiryInSeconds": session.expiry_seconds,
        "expiresAt": _time(session.expires_at, wall) if session.expires_at is not None else None,
        "queuedMessages": len(session.queue),
        "unacknowledgedMessages": len(session.in_flight),
        "subscriptions": subscriptions,
    }


def _messages(tally: Tally, wall: float) -> dict[str, Any]:
    return {
        "since": _time(tally.began, wall),
        "received": tally.received,
        "delivered": tally.delivered,
        "refused": tally.refused,
        "dropped": tally.dropped,
        "refusedSubscriptions": tally.refused_subscriptions,
        "lastReceived": _last(tally.last_received_topic, tally.last_received_at, wall),
        "lastDelivered": _last(tally.last_delivered_topic, tally.last_delivered_at, wall),
        "lastRefused": _refusal(tally.last_refusal, wall),
        "lastRefusedSubscription": _refusal(tally.last_refused_subscription, wall),
    }


def _last(topic: str, at: float, wall: float) -> dict[str, str] | None:
    return {"topic": topic, "time": _time(at, wall)} if topic else None


def _refusal(refusal: Refusal | None, wall: float) -> dict[str, str] | None:
    if refusal is None:
        return None
    return {"topic": refusal.topic, "time": _time(refusal.at, wall), "reason": refusal.why}


def _time(at: float, wall: float) -> str:
    """Return `at`, seconds on the broker's clock, as UTC text. `wall` added to it is Unix time."""
    return datetime.fromtimestamp(at + wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
