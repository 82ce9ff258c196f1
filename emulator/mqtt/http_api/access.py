"""Who may use HTTP at the MQTT host: Entra's token, and the roles that Azure RBAC assigns to its identity.

A role counts at the scope of a topic space, or of the namespace and everything above it, which covers all its topic spaces.
While nothing is assigned and `open_topics` is on, the emulator's own identity has both roles (docs/policy.md).

Source: "Microsoft Entra JWT authentication and Azure RBAC authorization to publish or subscribe MQTT messages".
"""

from dataclasses import dataclass

from emulator.credentials import EVENT_GRID_AUDIENCE, Credentials
from emulator.mqtt.http_api.exchange import HttpError, HttpRequest
from emulator.storage.resources import PUBLISHER_ROLE, ROLE_ASSIGNMENT, ROLE_NAMES, SUBSCRIBER_ROLE, TOPIC_SPACE, id_key
from emulator.storage.store import Resource, Store
from namespaces.authorization.topic_templates import Template, TemplateError, member_of, parse_template

__all__ = ["PUBLISHER_ROLE", "SUBSCRIBER_ROLE", "Access", "authenticate"]


def authenticate(request: HttpRequest, credentials: Credentials | None) -> str:
    """Return the object id of the caller. Raise `HttpError` (401) without a valid token for Event Grid."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    audience = credentials.audience_of(token.strip()) if credentials is not None else None
    if credentials is not None and scheme.casefold() == "bearer" and audience == EVENT_GRID_AUDIENCE:
        return credentials.object_id
    if not token:
        sentence = f"The header Authorization is missing. Send a bearer token for {EVENT_GRID_AUDIENCE}."
    elif audience is None:
        sentence = "The bearer token is invalid or has expired."
    else:
        sentence = f"The bearer token is for another audience. Request one for {EVENT_GRID_AUDIENCE}."
    raise HttpError(401, "Unauthorized", sentence, {"www-authenticate": 'Bearer error="invalid_token"'})


@dataclass(frozen=True)
class Access:
    """What one identity may do in one namespace, by a role."""

    caller: str
    role: str
    templates: tuple[Template, ...]
    is_everything: bool  # the namespace has no topic space, and the emulator allows everything then

    @classmethod
    def of(cls, store: Store, namespace_id: str, caller: str, role: str, *, open_topics: bool) -> "Access":
        """Return the access of a caller. Raise `HttpError` (403) if the role is not assigned to it."""
        spaces = store.children(namespace_id, TOPIC_SPACE)
        scopes = _assigned_scopes(store, namespace_id)
        mine = {scope for scope, principal, assigned in scopes if (principal, assigned) == (caller, role)}
        has_all = bool(mine and any(not _is_below(scope, namespace_id) for scope in mine))
        if not scopes and open_topics:
            has_all = True
        covered = [space for space in spaces if has_all or id_key(space.id) in mine]
        if not has_all and not mine:
            sentence = f"The identity {caller} does not have the role {ROLE_NAMES[role]} for this namespace."
            raise HttpError(403, "Forbidden", sentence)
        return cls(caller, role, _templates_of(covered), has_all and not spaces and open_topics)

    def allows(self, topic: str) -> bool:
        """Return whether a topic is covered by one of the topic spaces."""
        if self.is_everything:
            return True
        member = member_of(self.caller, None)
        return any(template.covers(topic, member) for template in self.templates)


def _assigned_scopes(store: Store, namespace_id: str) -> list[tuple[str, str, str]]:
    """Return scope, principal and role of every assignment that matters in a namespace."""
    namespace = id_key(namespace_id)
    found = []
    for assignment in store.of_type(ROLE_ASSIGNMENT, below=namespace.rpartition("/resourcegroups/")[0]):
        scope = id_key(str(assignment.properties.get("scope")))
        if namespace == scope or namespace.startswith(scope + "/") or scope.startswith(namespace + "/"):
            role = str(assignment.properties.get("roleDefinitionId")).rpartition("/")[2].casefold()
            if role in ROLE_NAMES:
                found.append((scope, str(assignment.properties.get("principalId")).casefold(), role))
    return found


def _is_below(scope: str, namespace_id: str) -> bool:
    return scope.startswith(id_key(namespace_id) + "/")


def _templates_of(spaces: list[Resource]) -> tuple[Template, ...]:
    found = []
    for space in spaces:
        for text in space.properties.get("topicTemplates") or ():
            try:
                found.append(parse_template(str(text)))
            except TemplateError:
                continue  # ARM rejects such a template; one that is stored nevertheless allows nothing
    return tuple(found)
