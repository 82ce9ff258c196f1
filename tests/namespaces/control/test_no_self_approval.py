"""No sequence of role changes, team changes, edits, retries and tabs lets a person approve their own request.

Each run plays a seeded sequence of real actions and changes of rights. An oracle that knows only what happened, in its order, decides whether the
set may be applied; it shares no code with the rules.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from namespaces.actions.change_sets import requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.decisions import approve
from namespaces.actions.clients import create_client
from namespaces.control.cases import approval_state
from namespaces.control.gate import NeedsApproval
from namespaces.models import ChangeSet, Client, ControlPolicy, Role
from namespaces.rules.errors import RuleError
from portal.models import Membership, Team, User
from portal.people.authority import RefusedError
from portal.people.teams import add_member, set_lead
from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.mapping import Grant
from portal.single_sign_on.rights import follow_groups
from tests.namespaces.control.conftest import Plant
from tests.support.database.factories import make_admin, make_team, make_user

pytestmark = pytest.mark.django_db
STEPS = 60
PROVIDER = SingleSignOn(
    issuer="https://login.contoso.example", client_id="portal", groups={"line-c": Grant(teams=("Line C",))}
)


@dataclass
class History:
    """What happened: for each person, since which moment each right and each side has been held without a break."""

    clock: int = 0
    owner_since: dict[int, int] = field(default_factory=dict)
    lead_since: dict[tuple[int, int], int] = field(default_factory=dict)  # of a team
    members: dict[int, set[int]] = field(default_factory=dict)  # of each team, now
    ever: dict[int, set[int]] = field(default_factory=dict)  # of each team, within the last days
    names_team: bool = False  # whose members approve
    approves_since: dict[int, int] = field(default_factory=dict)  # member of the team that the policy names
    disabled: set[int] = field(default_factory=set)
    asked_at: int = 0
    side_at_request: set[int] = field(default_factory=set)
    teams_at_request: set[int] = field(default_factory=set)
    approved: dict[int, tuple[int, set[int]]] = field(default_factory=dict)  # the moment, and the teams reached then

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def side_of(self, requester: int) -> set[int]:
        teams = {team for team, people in self.ever.items() if requester in people} | self.teams_at_request
        return {requester, *self.side_at_request}.union(*(self.ever[team] for team in teams))

    def ask(self, requester: int) -> None:
        self.asked_at = self.tick()
        self.teams_at_request = {team for team, people in self.ever.items() if requester in people}
        self.side_at_request = {requester}.union(*(self.ever[team] for team in self.teams_at_request))
        self.approved.clear()

    def may_count(self, person: int, requester: int, reached: set[int]) -> bool:
        if person in self.side_of(requester) or person in self.disabled:
            return False
        since = [self.owner_since[person]] if person in self.owner_since else []
        since += [self.approves_since[person]] if self.names_team and person in self.approves_since else []
        since += [at for (who, team), at in self.lead_since.items() if who == person and team in reached]
        return any(at < self.asked_at for at in since)

    def is_approved(self, requester: int, reached: set[int], needed: int) -> bool:
        counted = [
            person
            for person, (_, shown) in self.approved.items()
            if reached <= shown and self.may_count(person, requester, reached)
        ]
        return len(counted) >= needed


class Story:
    """One sequence, played against the real actions."""

    def __init__(self, plant: Plant, seed: int) -> None:
        self.random = random.Random(seed)
        self.plant, self.history = plant, History()
        self.people = [plant.dana, plant.rita, plant.olga, plant.lee, make_user("fay"), make_user("gus")]
        self.teams = [plant.line_a, plant.line_b, make_team("Line C")]
        for user in self.people[4:]:
            plant.namespace.roles.create(user=user, role=Role.OWNER)
        self.guards = make_team("Guards", self.people[5])  # approve, and see the namespace
        self.history.names_team = self.random.choice([True, False])
        ControlPolicy.objects.update(
            approvals=self.random.choice([1, 2, 3]),
            needs=["client_create", "powerful_role"],
            by_team=self.guards if self.history.names_team else None,
        )
        self.history.approves_since[self.people[5].pk] = self.history.tick()
        for team in (*self.teams, self.guards):
            self.history.members[team.pk] = set(team.members.values_list("pk", flat=True))
            self.history.ever[team.pk] = set(self.history.members[team.pk])
        for role in plant.namespace.roles.filter(role=Role.OWNER):
            self.history.owner_since[role.user_id or 0] = self.history.tick()
        for held in Membership.objects.filter(is_lead=True):
            self.history.lead_since[held.user_id, held.team_id] = self.history.tick()
        self.admin = make_admin()
        self.number = 0
        self.shown: dict[int, tuple[str, set[int]]] = {}  # what each person has open in another tab
        self.start()

    def start(self) -> None:
        """Request another client, when the last request is over."""
        self.number += 1
        self.shown.clear()
        self.change_set = self.request()
        self.history.ask(self.plant.dana.pk)

    @property
    def is_applied(self) -> bool:
        return Client.objects.filter(name=f"new-{self.number}").exists()

    def request(self) -> ChangeSet:
        with pytest.raises(NeedsApproval) as held:
            self.create()
        draft = requests.keep_draft(self.plant.dana, held.value)
        return requests.request_approval(self.plant.dana, change_set=draft, title="New", reason="Work")

    def create(self) -> None:
        create_client(
            self.plant.dana,
            namespace=self.plant.namespace,
            team=self.plant.line_a,
            name=f"new-{self.number}",
            authentication_name="",
            validation_scheme="SubjectMatchesAuthenticationName",
        )

    @property
    def reached(self) -> set[int]:
        return {self.plant.line_a.pk}  # the team that owns the new client

    def play(self) -> None:
        steps = [
            self.approve,
            self.approve,
            self.approve_in_an_old_tab,
            self.open_tab,
            self.everybody_approves,
            self.edit,
        ]
        steps += [self.toggle_owner, self.toggle_member, self.toggle_lead, self.disable, self.apply]
        steps += [self.join_those_who_approve, self.toggle_group]
        for _ in range(STEPS):
            step = self.random.choice(steps)
            step(self.random.choice(self.people))
            if self.fresh().state not in {"open", "approved"}:
                self.start()

    def open_tab(self, person: User) -> None:
        self.shown[person.pk] = approval_state(self.fresh()).shown, self.reached

    def approve_in_an_old_tab(self, person: User) -> None:
        if person.pk in self.shown:
            self.try_to_approve(person, *self.shown[person.pk])

    def approve(self, person: User) -> None:
        self.try_to_approve(person, approval_state(self.fresh()).shown, self.reached)

    def everybody_approves(self, _: User) -> None:
        for person in self.people:
            self.approve(person)

    def try_to_approve(self, person: User, shown: str, teams: set[int]) -> None:
        try:
            approve(person, change_set=self.change_set, shown=shown)
        except RuleError:
            return
        may = self.history.may_count(person.pk, self.plant.dana.pk, self.reached)
        assert may, f"{person} approved at {self.history.clock}: {self.history}"
        self.history.approved[person.pk] = (self.history.tick(), set(teams))

    def toggle_owner(self, person: User) -> None:
        held = self.plant.namespace.roles.filter(user=person)
        if held.filter(role=Role.OWNER).exists():
            held.delete()
            self.plant.namespace.roles.create(
                user=person, role=Role.CONTRIBUTOR if person == self.plant.dana else Role.READER
            )
            self.history.owner_since.pop(person.pk)
        else:
            held.delete()
            self.plant.namespace.roles.create(user=person, role=Role.OWNER)
            self.history.owner_since[person.pk] = self.history.tick()

    def toggle_member(self, person: User) -> None:
        team = self.random.choice([self.plant.line_a, *self.teams])
        if person == self.plant.dana and team == self.plant.line_a:
            return  # then the request would not apply at all
        is_member = person.pk in self.history.members[team.pk]
        if is_member:
            Membership.objects.filter(user=person, team=team).leave(timezone.now())
        else:
            Membership.objects.create(user=person, team=team)
        self.note_member(person, team, not is_member)

    def toggle_group(self, person: User) -> None:
        """Join or leave Line C by a group of the identity provider."""
        team = self.teams[2]
        is_member = person.pk in self.history.members[team.pk]
        if Membership.objects.filter(user=person, team=team, by_sso=False).exists():
            return
        with transaction.atomic():
            follow_groups(person, PROVIDER, frozenset() if is_member else frozenset({"line-c"}))
        self.note_member(person, team, not is_member)

    def join_those_who_approve(self, person: User) -> None:
        """The lead of the team that approves tries to add a person; only an administrator can."""
        Membership.objects.update_or_create(team=self.guards, user=self.people[5], defaults={"is_lead": True})
        if person.pk in self.history.members[self.guards.pk] or person.pk in self.history.disabled:
            return
        is_asked = self.history.names_team and person.pk not in self.history.owner_since
        try:
            add_member(self.people[5], team=self.guards, person=person)
        except RefusedError:
            return
        assert not is_asked, f"{person} was added at {self.history.clock}"
        self.note_member(person, self.guards, True)
        self.history.approves_since[person.pk] = self.history.tick()

    def note_member(self, person: User, team: Team, is_member: bool) -> None:
        if is_member:
            self.history.members[team.pk].add(person.pk)
            self.history.ever[team.pk].add(person.pk)
        else:
            self.history.members[team.pk].discard(person.pk)
            self.history.lead_since.pop((person.pk, team.pk), None)

    def toggle_lead(self, person: User) -> None:
        team: Team = self.random.choice([self.plant.line_a, *self.teams])
        held = Membership.objects.filter(user=person, team=team).first()
        if held is None:
            return
        ControlPolicy.objects.update(enabled=False)  # administrators need no approval for it here
        set_lead(self.admin, team=team, person=person, is_lead=not held.is_lead)
        ControlPolicy.objects.update(enabled=True)
        if held.is_lead:
            self.history.lead_since.pop((person.pk, team.pk))
        else:
            self.history.lead_since[person.pk, team.pk] = self.history.tick()

    def disable(self, person: User) -> None:
        if person == self.plant.dana:
            return
        is_active = person.pk in self.history.disabled
        User.objects.filter(pk=person.pk).update(is_active=is_active)
        (self.history.disabled.discard if is_active else self.history.disabled.add)(person.pk)

    def edit(self, _: User) -> None:
        if self.random.random() < 0.7:
            return
        call: Any = self.random.choice(
            [
                lambda: requests.edit_texts(self.plant.dana, change_set=self.change_set, title="New", reason="Work"),
                lambda: requests.rebase(self.plant.dana, change_set=self.change_set),
            ]
        )
        try:
            call()
        except RuleError:
            return
        self.history.ask(self.plant.dana.pk)

    def apply(self, _: User) -> None:
        needed = ControlPolicy.objects.get().approvals
        may = self.history.is_approved(self.plant.dana.pk, self.reached, needed)
        run_change_set(self.change_set.pk)
        if self.is_applied:
            assert may, f"applied at {self.history.clock}: {self.history}"

    def fresh(self) -> ChangeSet:
        self.change_set.refresh_from_db()
        return self.change_set


@pytest.mark.parametrize("seed", range(8))
def test_no_sequence_approves_itself(plant: Plant, seed: int) -> None:
    Story(plant, seed).play()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_no_longer_sequence_approves_itself(plant: Plant, seed: int) -> None:
    Story(plant, seed).play()


def test_the_oracle_lets_something_through(plant: Plant) -> None:
    """Else the sequences would prove nothing."""
    story = Story(plant, 1)
    ControlPolicy.objects.update(approvals=1)
    story.approve(plant.olga)
    story.apply(plant.dana)
    assert story.is_applied
