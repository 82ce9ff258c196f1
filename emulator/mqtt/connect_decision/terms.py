"""The terms of a connection: what the client asked for in CONNECT, within Event Grid's limits.

Sources: "MQTT features supported by Azure Event Grid's MQTT broker"; MQTT 5.0, section 3.1.
"""

from dataclasses import dataclass

from emulator.mqtt.limits import MAX_IN_FLIGHT_OUTGOING, MAX_KEEP_ALIVE_SECONDS, MAX_PACKET_BYTES
from emulator.mqtt.wire.packets import MQTT_5, Connect, Property, number


@dataclass(frozen=True, slots=True)
class Terms:
    """The values that hold for one connection. Times in seconds, sizes in bytes."""

    version: int
    keep_alive: int
    expiry: int
    receive_maximum: int
    packet_limit: int
    wants_problem_information: bool


def terms_of(connect: Connect, *, maximum_expiry: int) -> Terms:
    """Return what the client asked for, cut to Event Grid's limits. A persistent session of MQTT 3.1.1 gets the longest
    expiry.
    """
    if connect.version == MQTT_5:
        expiry = number(connect.properties, Property.SESSION_EXPIRY, 0)
    else:
        expiry = 0 if connect.clean else maximum_expiry
    return Terms(
        version=connect.version,
        keep_alive=min(connect.keep_alive or MAX_KEEP_ALIVE_SECONDS, MAX_KEEP_ALIVE_SECONDS),
        expiry=min(expiry, maximum_expiry),
        receive_maximum=min(
            number(connect.properties, Property.RECEIVE_MAXIMUM, MAX_IN_FLIGHT_OUTGOING), MAX_IN_FLIGHT_OUTGOING
        ),
        packet_limit=number(connect.properties, Property.MAXIMUM_PACKET_SIZE, MAX_PACKET_BYTES),
        wants_problem_information=bool(number(connect.properties, Property.REQUEST_PROBLEM_INFORMATION, 1)),
    )
