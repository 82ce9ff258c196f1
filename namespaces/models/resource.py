"""What the resources in a namespace have in common: CA certificates, clients, client groups and so on."""

from typing import Any, ClassVar


class NamespaceResource:
    """A synced model with a name and a namespace, mixed in before `SyncedModel`."""

    name: Any
    namespace: Any
    namespace_id: Any
    arm_type: ClassVar[str]

    def __str__(self) -> str:
        return str(self.name)

    def arm_id(self) -> str:
        return f"{self.namespace.resource_id}/{self.arm_type}/{self.name}"

    def scope_pk(self) -> int:
        return int(self.namespace_id)

    def scope_name(self) -> str:
        return str(self.namespace.name)
