"""Role assignments of Azure RBAC (`Microsoft.Authorization`), as far as HTTP publish and reading retained messages need them.

Only the two built-in roles for MQTT exist. An assignment may be made at a subscription, a resource group, a namespace or a
topic space. The identity of the assignment is not looked up: the emulator has one of its own.

Source: https://learn.microsoft.com/rest/api/authorization/role-assignments
"""

import re
from typing import Any, NamedTuple

from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError, invalid
from emulator.arm.requests.responses import ArmResponse
from emulator.storage.resources import ROLE_ASSIGNMENT, ROLE_NAMES, Resource, id_key
from emulator.storage.store import Store

AUTHORIZATION = "Microsoft.Authorization"
PRINCIPAL_TYPES = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")
_MARK = f"/providers/{AUTHORIZATION.casefold()}/"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_ROLE = re.compile(r"(?:/[^?]*)?/providers/microsoft\.authorization/roledefinitions/([-0-9a-f]{36})", re.IGNORECASE)
_BY_NAME = re.compile(r"roleName eq '([^']*)'", re.IGNORECASE)
_BY_PRINCIPAL = re.compile(r"(?:principalId eq '|assignedTo\(')([^']*)'", re.IGNORECASE)


class Target(NamedTuple):
    """What a path below `{scope}/providers/Microsoft.Authorization` names."""

    scope: str
    collection: str
    name: str


def target_of(call: Call) -> Target | None:
    """Return what a call of this provider is about, or None for a call of another one."""
    scope, mark, rest = call.target.casefold().rpartition(_MARK)
    if not mark:
        return None
    collection, _, name = rest.rstrip("/").partition("/")
    return Target(call.target[: len(scope)], collection, name)


class RoleAssignments:
    """Responds to the calls of `Microsoft.Authorization`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handle(self, call: Call, target: Target) -> ArmResponse:
        """Respond to a call. Raise `ArmError`."""
        call.require_api_version()
        scope = self._store.get(target.scope)
        if scope is None:
            raise ArmError(404, "ResourceNotFound", f"The scope '{target.scope[:300]}' could not be found.")
        if target.collection == "roledefinitions" and call.method == "GET":
            return self._definitions(call, target)
        if target.collection != "roleassignments":
            raise ArmError(404, "InvalidResourceType", f"The collection '{target.collection[:100]}' does not exist.")
        if not target.name:
            return self._list(call, scope)
        if not _GUID.fullmatch(target.name):
            raise ArmError(400, "InvalidRoleAssignmentId", "The name of a role assignment is a GUID.")
        assignment_id = f"{scope.id}/providers/{AUTHORIZATION}/roleAssignments/{target.name}"
        existing = self._store.get(assignment_id)
        if call.method == "PUT":
            return self._put(call, scope, assignment_id, existing)
        if call.method == "DELETE":
            removed = self._store.delete(assignment_id)
            return ArmResponse(200, _shown(removed)) if removed is not None else ArmResponse(204)
        if call.method != "GET":
            raise call.method_not_allowed("GET", "PUT", "DELETE")
        if existing is None:
            raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{target.name}' is not found.")
        return ArmResponse(200, _shown(existing))

    def _put(self, call: Call, scope: Resource, assignment_id: str, existing: Resource | None) -> ArmResponse:
        given = call.members().get("properties")
        if not isinstance(given, dict):
            raise invalid("'properties' is missing.", "properties")
        role = _ROLE.fullmatch(str(given.get("roleDefinitionId")))
        if role is None or role[1].casefold() not in ROLE_NAMES:
            named = " and ".join(f"{name} ({role_id})" for role_id, name in ROLE_NAMES.items())
            sentence = f"The role definition is not found. The emulator has {named}."
            raise ArmError(400, "RoleDefinitionDoesNotExist", sentence, target="properties.roleDefinitionId")
        principal = str(given.get("principalId")).casefold()
        if not _GUID.fullmatch(principal):
            raise invalid("'properties.principalId' is the object id of an identity, a GUID.", "properties.principalId")
        kind = given.get("principalType") or "ServicePrincipal"
        if kind not in PRINCIPAL_TYPES:
            raise invalid(
                f"'properties.principalType' is one of {', '.join(PRINCIPAL_TYPES)}.", "properties.principalType"
            )
        properties = {
            "roleDefinitionId": f"/subscriptions/{scope.id.split('/')[2]}{_definition_id(role[1].casefold())}",
            "principalId": principal,
            "principalType": kind,
            "scope": scope.id,
            "condition": None,
            "conditionVersion": None,
        }
        if existing is not None:
            if existing.properties != properties:
                sentence = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
                raise ArmError(409, "RoleAssignmentUpdateNotPermitted", sentence)
            return ArmResponse(200, _shown(existing))
        if any(each.properties == properties for each in self._all_of(scope)):
            raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")
        made = Resource(assignment_id, ROLE_ASSIGNMENT, assignment_id.rpartition("/")[2], {"properties": properties})
        self._store.put(made)
        return ArmResponse(201, _shown(made))

    def _all_of(self, scope: Resource) -> list[Resource]:
        return self._store.of_type(ROLE_ASSIGNMENT, below="/".join(scope.id.split("/")[:3]))

    def _list(self, call: Call, scope: Resource) -> ArmResponse:
        """List the assignments at a scope, above it and, without `atScope()`, below it."""
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        wanted = call.query.get("$filter", "")
        principal = _BY_PRINCIPAL.search(wanted)
        here = id_key(scope.id)
        found = []
        for each in self._all_of(scope):
            there = id_key(str(each.properties["scope"]))
            is_above = here == there or here.startswith(there + "/")
            is_below = there.startswith(here + "/") and "atscope()" not in wanted.casefold()
            is_theirs = principal is None or each.properties["principalId"] == principal[1].casefold()
            if (is_above or is_below) and is_theirs:
                found.append(_shown(each))
        return ArmResponse(200, {"value": found})

    @staticmethod
    def _definitions(call: Call, target: Target) -> ArmResponse:
        if target.name:
            if target.name not in ROLE_NAMES:
                raise ArmError(
                    404, "RoleDefinitionDoesNotExist", f"The role definition '{target.name[:40]}' is not found."
                )
            return ArmResponse(200, _definition(target.name))
        by_name = _BY_NAME.search(call.query.get("$filter", ""))
        found = [
            _definition(role)
            for role, name in ROLE_NAMES.items()
            if by_name is None or by_name[1].casefold() == name.casefold()
        ]
        return ArmResponse(200, {"value": found})


def _definition_id(role: str) -> str:
    return f"/providers/{AUTHORIZATION}/roleDefinitions/{role}"


def _definition(role: str) -> dict[str, Any]:
    properties = {"roleName": ROLE_NAMES[role], "type": "BuiltInRole", "assignableScopes": ["/"]}
    return {
        "id": _definition_id(role),
        "name": role,
        "type": f"{AUTHORIZATION}/roleDefinitions",
        "properties": properties,
    }


def _shown(assignment: Resource) -> dict[str, Any]:
    return {
        "id": assignment.id,
        "name": assignment.name,
        "type": assignment.type,
        "properties": dict(assignment.properties),
    }
