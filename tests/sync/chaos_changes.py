"""Random changes of the chaos run, made through the actions; acknowledged ones are recorded."""

import random
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

RULES = 0.12  # share of changes to CA certificates, groups, spaces and bindings
NAMES = 6  # per type, used repeatedly


class Changes:
    """Changes clients, and a few CA certificates, groups, spaces and bindings."""

    def __init__(self, namespace: Any, actor: Any, draw: random.Random, rows: int) -> None:
        self.namespace, self.actor, self.draw, self.rows = namespace, actor, draw, rows
        self.acknowledged: list[tuple[str, int, int]] = []  # (kind, primary key, generation)
        self.made = 0
        self.given_up: list[str] = []
        self.refused = 0

    def change_something(self) -> None:
        from namespaces.rules.errors import RuleError

        try:
            if self.draw.random() < RULES:
                self._change_a_rule()
            else:
                self._change_a_client()
        except RuleError:  # deleted between query and change, or it references a missing row
            self.refused += 1

    def _acknowledge(self, row: Any) -> None:
        self.acknowledged.append((row.kind, row.pk, row.generation))

    # Clients

    def _change_a_client(self) -> None:
        from namespaces.models import Client

        present = Client.objects.present().filter(namespace=self.namespace)
        kind = self.draw.random()
        if self.made < self.rows and (kind < 0.48 or not present.exists()):
            self._create()
            return
        count = present.count()
        if count:
            row = present.order_by("pk")[self.draw.randrange(count)]
            (self._delete if kind > 0.9 else self._rename if kind > 0.85 else self._edit)(row)

    def _create(self) -> None:
        from namespaces.actions.clients import create_client

        # Some names are reused: of deleted clients, or those being deleted.
        number = self.draw.randrange(self.made) if self.made > 20 and self.draw.random() < 0.1 else self.made
        row = create_client(
            self.actor,
            namespace=self.namespace,
            team=None,
            name=f"sensor-{number}",
            authentication_name=f"auth-{self.made}-{self.draw.getrandbits(32):x}",
            validation_scheme="SubjectMatchesAuthenticationName",
            description=self._words(),
        )
        self.made += 1
        self._acknowledge(row)

    def _edit(self, row: Any) -> None:
        from namespaces.actions.clients import update_client

        before = row.generation
        changed = update_client(
            self.actor,
            client=row,
            validation_scheme=row.validation_scheme,
            state=self.draw.choice(["Enabled", "Disabled"]),
            description=self._words(),
            attributes={"floor": self.draw.randrange(9)},
        )
        if changed.generation != before:
            self._acknowledge(changed)

    def _rename(self, row: Any) -> None:
        from namespaces.actions.clients import change_authentication_name

        # Some take a name that another client has just given up, which Azure may not know yet.
        name = f"renamed-{self.draw.getrandbits(40):x}"
        if self.given_up and self.draw.random() < 0.4:
            name = self.given_up.pop()
        self.given_up.append(row.authentication_name)
        self._acknowledge(change_authentication_name(self.actor, client=row, authentication_name=name))

    def _delete(self, row: Any) -> None:
        from namespaces.actions.clients import delete_client

        delete_client(self.actor, client=row)
        self._acknowledge_deletion(row)

    def _acknowledge_deletion(self, row: Any) -> None:
        """Acknowledge the generation of a deletion, also when a worker has already removed the row."""
        try:
            row.refresh_from_db()
        except ObjectDoesNotExist:
            row.generation += 1
        self._acknowledge(row)

    def _words(self) -> str:
        return f"{self.draw.choice(['door', 'roof', 'press'])} {self.draw.randrange(1000)}"

    # CA certificates and topic rules

    def _change_a_rule(self) -> None:
        from certificates.models import CACertificate
        from namespaces.models import ClientGroup, PermissionBinding, TopicSpace

        model: Any = self.draw.choice([CACertificate, ClientGroup, TopicSpace, PermissionBinding])
        name = f"{model._meta.model_name}-{self.draw.randrange(NAMES)}"
        row = model._default_manager.present().filter(namespace=self.namespace, name=name).first()
        if row is None:
            self._acknowledge(self._make_rule(model, name))
        elif self.draw.random() < 0.6:
            self._describe_rule(row)
        else:
            self._delete_rule(row)

    def _make_rule(self, model: Any, name: str) -> Any:
        from certificates.actions.ca_certificates import upload_ca_certificate
        from certificates.x509.reading import load_certificate
        from namespaces.actions.topic_rules import create_client_group, create_permission_binding, create_topic_space
        from tests.support.database.factories import make_ca_der

        common = {"namespace": self.namespace, "team": None, "name": name, "description": self._words()}
        match model._meta.model_name:
            case "cacertificate":
                return upload_ca_certificate(self.actor, certificate=load_certificate(make_ca_der()), **common)
            case "clientgroup":
                return create_client_group(self.actor, query=f"attributes.floor = {self.draw.randrange(9)}", **common)
            case "topicspace":
                return create_topic_space(self.actor, templates=[f"{name}/{self.draw.randrange(1000)}/#"], **common)
            case _:
                return create_permission_binding(
                    self.actor,
                    client_group_name=f"clientgroup-{self.draw.randrange(NAMES)}",
                    topic_space_name=f"topicspace-{self.draw.randrange(NAMES)}",
                    permission=self.draw.choice(["Publisher", "Subscriber"]),
                    **common,
                )

    def _describe_rule(self, row: Any) -> None:
        from certificates.actions.ca_certificates import update_ca_certificate
        from namespaces.actions.topic_rules import update_client_group, update_permission_binding, update_topic_space

        before, words = row.generation, self._words()
        match row._meta.model_name:
            case "cacertificate":
                changed: Any = update_ca_certificate(self.actor, certificate=row, description=words)
            case "clientgroup":
                changed = update_client_group(self.actor, group=row, query=row.query, description=words)
            case "topicspace":
                changed = update_topic_space(self.actor, space=row, templates=row.templates, description=words)
            case _:
                changed = update_permission_binding(
                    self.actor,
                    binding=row,
                    client_group_name=row.client_group_name,
                    topic_space_name=row.topic_space_name,
                    permission=row.permission,
                    description=words,
                )
        if changed.generation != before:
            self._acknowledge(changed)

    def _delete_rule(self, row: Any) -> None:
        from certificates.actions.ca_certificates import delete_ca_certificate
        from namespaces.actions.topic_rules import delete_topic_rule

        if row._meta.model_name == "cacertificate":
            delete_ca_certificate(self.actor, certificate=row)
            gone = [row]
        else:
            bindings = list(row.bindings().present())
            delete_topic_rule(self.actor, row=row, with_bindings=[each.name for each in bindings])
            gone = [row, *bindings]
        for each in gone:
            self._acknowledge_deletion(each)
