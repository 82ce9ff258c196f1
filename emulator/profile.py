"""What Azure's Event Grid does at a point in time: one named field for each behaviour that Microsoft has changed.

`--azure` chooses a profile. docs/fidelity.md lists each field with its source; a test checks that none is missing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class AzureProfile:
    """Event Grid as documented in the month `name`. Behaviour that has not changed is no field."""

    name: str
    max_topic_segments: int  # of a topic, a topic filter and a topic template
    shared_subscriptions: bool  # $share/GROUP/FILTER in MQTT 5; False: SUBACK 0x9E
    subscription_identifiers: bool  # False: DISCONNECT 0xA1
    retain: bool  # False: the CONNACK says Retain Available 0, and a retained publish ends the connection
    http_publish: bool  # POST /mqtt/messages at the MQTT host
    message_expiry_zero_is_never: bool  # False: an expiry of 0 seconds expires at once, as in MQTT 5
    assigned_client_ids: bool  # for an empty client id in MQTT 5; False: CONNACK 0x85
    connects_per_second: int  # CONNECTs that one session may send each second; 0: no limit
    ip_firewall: bool  # `publicNetworkAccess` and `inboundIpRules` also apply to MQTT (IpForbidden)
    webhook_authentication: bool  # `clientAuthentication.webhookAuthentication` decides each CONNECT


FEBRUARY_2025 = AzureProfile(
    "2025-02",
    max_topic_segments=8,
    shared_subscriptions=False,
    subscription_identifiers=False,
    retain=False,
    http_publish=False,
    message_expiry_zero_is_never=False,
    assigned_client_ids=False,
    connects_per_second=0,
    ip_firewall=False,
    webhook_authentication=False,
)
MAY_2026 = AzureProfile(
    "2026-05",
    max_topic_segments=15,
    shared_subscriptions=True,
    subscription_identifiers=True,
    retain=True,
    http_publish=True,
    message_expiry_zero_is_never=True,
    assigned_client_ids=True,
    connects_per_second=1,
    ip_firewall=True,
    webhook_authentication=True,
)
PROFILES = {profile.name: profile for profile in (FEBRUARY_2025, MAY_2026)}
NEWEST = MAY_2026
