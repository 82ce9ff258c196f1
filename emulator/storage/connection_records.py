"""What the connection log holds: one record for each attempt to connect and for each end of a connection."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

NO_EVIDENCE = '"presentedChain": [], "decision": null'


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionRecord:
    """One attempt to connect, or the end of a connection, with the fields of Azure's diagnostic log and ours."""

    namespace_id: str
    time: datetime
    operation_name: str = "Microsoft.EventGrid/topicspaces/connect"
    category: str  # "SuccessfulMqttConnections", "FailedMqttConnections" or "MqttDisconnections"
    result_type: str  # "Succeeded" or "Failed"
    result_signature: str = ""
    result_description: str = ""
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
    ca_name: str = ""

    def as_json(self) -> str:
        """The record as the connection log serves it, without its cursor.

        The evidence is most of it and the same each time that a device comes back, so it is JSON already.
        """
        said = {
            "time": self.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "resourceId": self.namespace_id,
            "operationName": self.operation_name,
            "category": self.category,
            "resultType": self.result_type,
            "resultSignature": self.result_signature,
            "resultDescription": self.result_description,
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
        return f"{json.dumps(said)[:-1]}, {self.evidence}}}"
