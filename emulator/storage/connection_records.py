"""The records of the connection log: one for each attempt to connect and for each end of a connection.

Source: https://learn.microsoft.com/azure/event-grid/monitor-mqtt-delivery-reference and the emulator's own fields.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

NO_EVIDENCE = '"presentedChain": [], "decision": null'


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionRecord:
    """One attempt to connect or one end of a connection: the fields of Azure's diagnostic log and the emulator's own."""

    namespace_id: str
    time: datetime
    operation_name: str = "Microsoft.EventGrid/topicspaces/connect"
    category: str  # "SuccessfulMqttConnections", "FailedMqttConnections" or "MqttDisconnections"
    result_type: str  # "Succeeded" or "Failed"
    result_signature: str = ""
    result_description: str = ""
    code: str = ""  # a stable key for the reason of a failure or an end; "" where there is none
    caller_ip_address: str = ""
    authentication_type: str = ""
    client_identity_source: str = ""
    authentication_authority: str = "Local"
    session_name: str = ""
    protocol: str = ""
    trace_id: str = ""
    user_name: str | None = None
    evidence: str = NO_EVIDENCE  # JSON: the members presentedChain (PEM, leaf first) and decision (Decision.as_dict())
    client_name: str = ""
    authentication_name: str = ""  # for life-cycle events; not part of the log
    ca_name: str = ""

    def as_json(self) -> str:
        """Return the record as JSON, without its cursor.

        `evidence` is the largest part and the same each time a client reconnects, so it is encoded only once.
        """
        members = {
            "time": self.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "resourceId": self.namespace_id,
            "operationName": self.operation_name,
            "category": self.category,
            "resultType": self.result_type,
            "resultSignature": self.result_signature,
            "resultDescription": self.result_description,
            "code": self.code,
            "callerIpAddress": self.caller_ip_address,
            "identity": {
                "authenticationType": self.authentication_type,
                "clientIdentitySource": self.client_identity_source,
                "authenticationAuthority": self.authentication_authority,
            },
            "properties": {"sessionName": self.session_name, "protocol": self.protocol, "traceId": self.trace_id},
            "userName": self.user_name,
            "clientName": self.client_name,
            "caName": self.ca_name,
        }
        return f"{json.dumps(members)[:-1]}, {self.evidence}}}"
