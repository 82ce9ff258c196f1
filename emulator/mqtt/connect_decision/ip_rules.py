"""The IP firewall of a namespace: `publicNetworkAccess` and `inboundIpRules`, as ARM stores them.

Source: "Configure IP firewall for Azure Event Grid namespaces (MQTT)".
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.mqtt.connect_decision.connack import Refusal
from emulator.mqtt.wire.packets import Reason

SIGNATURE = "IpForbidden"  # also the reason of a disconnection
CODE = "ip-forbidden"
_NAMED = 5  # ranges in a sentence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class IpRules:
    """Which addresses may connect. Without ranges all of them may, while public access is enabled."""

    public_access: str = "Enabled"
    ranges: tuple[Network, ...] = ()

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> "IpRules":
        """Return the rules in a namespace's properties."""
        rules = properties.get("inboundIpRules") or ()
        ranges = tuple(ipaddress.ip_network(rule["ipMask"], strict=False) for rule in rules)
        return cls(str(properties.get("publicNetworkAccess") or "Enabled"), ranges)

    def refusal(self, peer: str) -> Refusal | None:
        """Refuse a client at `peer`, its address and port, that these rules do not allow."""
        if self.public_access != "Enabled":
            said = "disabled" if self.public_access == "Disabled" else f"set to {self.public_access}"
            sentence = (
                f"Public network access is {said} for this namespace, and the emulator has no other. Set the namespace's"
                " publicNetworkAccess to Enabled."
            )
            return Refusal(Reason.NOT_AUTHORIZED, sentence, SIGNATURE, CODE)
        if not self.ranges:
            return None
        address = _address_of(peer)
        if any(address in each for each in self.ranges):
            return None
        named = ", ".join(str(each) for each in self.ranges[:_NAMED])
        more = f" and {len(self.ranges) - _NAMED} more" if len(self.ranges) > _NAMED else ""
        sentence = (
            f"The address {address} is in no inbound IP rule of this namespace ({named}{more}). Add it to the namespace's"
            " inboundIpRules."
        )
        return Refusal(Reason.NOT_AUTHORIZED, sentence, SIGNATURE, CODE)


def _address_of(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address; of IPv4 over an IPv6 socket, the IPv4 one."""
    address = ipaddress.ip_address(peer.rpartition(":")[0].partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
