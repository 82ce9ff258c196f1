"""What a namespace's client groups, topic spaces and permission bindings allow, read from the store.

The rules themselves are `namespaces.authorization.topic_access`. A namespace without any rule is open while
`open_topics` is on, so that a first publish works as the guide shows it. Azure has no such switch: without permission
bindings it allows nothing. The first topic space or binding puts Event Grid's rules in force.
"""

from collections.abc import Callable

from emulator.mqtt.webhook.answers import Answer
from emulator.storage.store import CLIENT, CLIENT_GROUP, PERMISSION_BINDING, TOPIC_SPACE, Resource, Store
from namespaces.authorization.group_queries import Member
from namespaces.authorization.topic_access import Access, Binding, Group, Space, TopicAccess
from namespaces.authorization.topic_templates import member_of

PERMISSION_TYPES = frozenset(
    {CLIENT, CLIENT_GROUP, TOPIC_SPACE, PERMISSION_BINDING}
)  # resource types whose changes affect permissions

_OPEN = Access(
    True, "This namespace has no topic spaces and no permission bindings, and the emulator allows everything then."
)
_REMEMBERED = 20_000


class Authorization:
    """The permissions of one namespace. Answers are remembered until `forget` is called."""

    def __init__(self, store: Store, namespace_id: str, *, open_topics: bool) -> None:
        self._store = store
        self._namespace_id = namespace_id
        self._open_topics = open_topics
        self._is_stale = False
        self._access: TopicAccess | None = None
        self._members: dict[str, Member] = {}
        self._identified: dict[str, Member] = {}  # by a webhook, while they have a session
        self._publish: dict[tuple[str, str], Access] = {}
        self._subscribe: dict[tuple[str, str], Access] = {}

    def forget(self) -> None:
        """Forget every answer: the store has changed. May be called from any thread."""
        self._is_stale = True

    def identify(self, owner: str, answer: Answer | None) -> None:
        """Take a client's attributes from the answer of a webhook; None: from its resource again.

        `owner`: the key of its authentication name. They count for all sessions of this name.
        """
        if answer is None:
            self.forget_identity(owner)
            return
        member = member_of(answer.name, answer.attributes)
        if self._identified.get(owner) != member:
            self._identified[owner] = member
            self._forget_answers(owner)

    def forget_identity(self, owner: str) -> bool:
        """Forget what a webhook answered about a client, whose last session has ended; return whether there was something."""
        if self._identified.pop(owner, None) is None:
            return False
        self._forget_answers(owner)
        return True

    def _forget_answers(self, owner: str) -> None:
        """Forget the answers about one client, if there are any."""
        if self._members.pop(owner, None) is not None:
            for answers in (self._publish, self._subscribe):
                for key in [key for key in answers if key[0] == owner]:
                    del answers[key]

    def _renew(self) -> None:
        self._is_stale = False
        self._access = None
        self._members.clear()
        self._publish.clear()
        self._subscribe.clear()

    def may_publish(self, owner: str, topic: str) -> Access:
        """Return whether a client may publish to a topic. `owner`: the key of its authentication name."""
        if self._is_stale:
            self._renew()
        found = self._publish.get((owner, topic))
        if found is None:
            found = self._answer(owner, lambda rules, member: rules.may_publish(member, topic))
            if len(self._publish) >= _REMEMBERED:
                self._publish.clear()
            self._publish[owner, topic] = found
        return found

    def may_subscribe(self, owner: str, topic_filter: str) -> Access:
        """Return whether a client may subscribe to a topic filter. `owner`: the key of its authentication name."""
        if self._is_stale:
            self._renew()
        found = self._subscribe.get((owner, topic_filter))
        if found is None:
            found = self._answer(owner, lambda rules, member: rules.may_subscribe(member, topic_filter))
            if len(self._subscribe) >= _REMEMBERED:
                self._subscribe.clear()
            self._subscribe[owner, topic_filter] = found
        return found

    def _answer(self, owner: str, ask: Callable[[TopicAccess, Member], Access]) -> Access:
        rules = self._rules()
        if self._open_topics and rules.is_empty:
            return _OPEN
        return ask(rules, self._member(owner))

    def _rules(self) -> TopicAccess:
        if self._access is None:
            self._access = TopicAccess(
                groups=tuple(Group(r.name, _text(r, "query")) for r in self._children(CLIENT_GROUP)),
                spaces=tuple(Space(r.name, _texts(r, "topicTemplates")) for r in self._children(TOPIC_SPACE)),
                bindings=tuple(
                    Binding(r.name, _text(r, "clientGroupName"), _text(r, "topicSpaceName"), _text(r, "permission"))
                    for r in self._children(PERMISSION_BINDING)
                ),
            )
        return self._access

    def _children(self, resource_type: str) -> list[Resource]:
        return self._store.children(self._namespace_id, resource_type)

    def _member(self, owner: str) -> Member:
        member = self._members.get(owner)
        if member is None:
            identified = self._identified.get(owner)
            client = self._store.sibling_with(self._namespace_id, CLIENT, owner) if identified is None else None
            if identified is not None:
                member = identified
            elif client is None:
                member = member_of(owner, None)  # deleted in the meantime: no attributes are left
            else:
                name = _text(client, "authenticationName") or client.name
                member = member_of(name, client.properties.get("attributes"))
            self._members[owner] = member
        return member


def _text(resource: Resource, name: str) -> str:
    return str(resource.properties.get(name) or "")


def _texts(resource: Resource, name: str) -> tuple[str, ...]:
    return tuple(str(each) for each in resource.properties.get(name) or ())
