"""*What can this person do?* and *Who can do what here?* give one answer, and it is what actions check."""

import re

import pytest
from django.urls import reverse

from namespaces.explanations import Person, explain, rights_of_people
from namespaces.models import Namespace, NamespaceRole
from namespaces.rights import Rights, rights_in
from portal.models import Membership, Team, User
from sync import registry
from tests.portal.people.arranging import browser_of
from tests.support.database.factories import (
    make_admin,
    make_ca_certificate,
    make_client,
    make_namespace,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Namespace:
    namespace = make_namespace("factory")
    line_a, line_b = make_team("Line A"), make_team("Line B")
    make_admin("admin")
    make_user("gone", is_active=False, is_superuser=True)
    for name, roles, teams in (
        ("nobody", (), ("Line A",)),
        ("reader", ("reader",), ()),
        ("contributor", ("contributor",), ("Line B",)),
        ("owner", ("owner",), ()),
        ("uploader", ("certificate_uploader",), ("Line A", "Line B")),
        ("both", ("certificate_uploader", "client_manager"), ("Line B",)),
        ("lonely", ("certificate_uploader",), ()),
    ):
        user = make_user(name)
        for role in roles:
            NamespaceRole.objects.create(namespace=namespace, user=user, role=role)
        for team in teams:
            Membership.objects.create(team=Team.objects.get(name=team), user=user)
    NamespaceRole.objects.create(namespace=namespace, team=line_b, role="client_manager")
    make_client(namespace, "press-1", team=line_a)
    make_client(namespace, "press-2", team=line_b)
    make_client(namespace, "press-3")
    make_ca_certificate(namespace, "line-a", team=line_a)
    return namespace


def read(page: str, person: str) -> dict[str, list[tuple[str, str]]]:
    """Return what a page says about a person: by section, pairs of yes or no and the codes of the sources."""
    row = re.search(rf'data-person="{person}">(.*?)</tr>', page, re.DOTALL)
    assert row, person
    found = {}
    for key, cell in re.findall(r'data-section="(\w+)">(.*?)</td>', row[1], re.DOTALL):
        sources = re.findall(r'data-source="([^"]+)"', cell)
        found[key] = [(allowed, ", ".join(sources)) for allowed in re.findall(r'data-allowed="(\w+)"', cell)]
    return found


def test_the_rights_of_many_are_those_of_each(place: Namespace) -> None:
    users = list(User.objects.all())
    together = rights_of_people(users, place.pk)
    for user in users:
        alone = rights_in(user, place.pk)
        assert set(together[user.pk].grants) == set(alone.grants), user
        assert together[user.pk].verbs == alone.verbs, user
        for model in registry.models():
            assert together[user.pk].reach(model) == alone.reach(model), user


def test_the_answer_agrees_with_what_actions_check(place: Namespace) -> None:
    rows = [row for model in registry.models() for row in model._default_manager.all()]
    assert len(rows) == 4
    for user in User.objects.all():
        rights = rights_in(user, place.pk)
        for row in rows:
            (section,) = explain([Person(user, rights)], subject=row)[user.pk]
            assert [line.allowed for line in section.lines] == [rights.covers(row)], (user, row)


def test_each_right_names_its_source(place: Namespace) -> None:
    page = browser_of(User.objects.get(username="reader")).get(reverse("namespaces:who_can", args=[place.pk]))
    text = page.content.decode()
    assert read(text, "uploader")["caCertificates"][0] == ("yes", "own:certificate_uploader")
    assert read(text, "uploader")["clients"][0] == ("yes", "team:client_manager")
    assert re.search(r'data-source="team:client_manager">[^<]*Line B<', text)
    assert read(text, "lonely")["caCertificates"] == [("no", "own:certificate_uploader")]
    assert read(text, "admin")["access"] == [("yes", "administrator")]
    assert read(text, "contributor")["topic_rules"][0] == ("yes", "own:contributor")
    assert read(text, "both")["topic_rules"][0][0] == "no"
    assert 'data-person="nobody"' not in text
    assert 'data-person="gone"' not in text


def test_a_resource_shows_who_may_change_it(place: Namespace) -> None:
    browser = browser_of(User.objects.get(username="reader"))
    url = reverse("namespaces:who_can", args=[place.pk])
    text = browser.get(url, {"type": "clients", "name": "press-2"}).content.decode()
    assert read(text, "contributor")["clients"] == [("yes", "own:contributor, team:client_manager")]
    assert read(text, "reader")["clients"] == [("no", "own:reader")]
    text = browser.get(url, {"type": "clients", "name": "press-1"}).content.decode()
    assert read(text, "contributor")["clients"][0][0] == "no"
    for query in ({"type": "clients", "name": "missing"}, {"type": "secrets", "name": "x"}, {"type": "clients"}):
        assert browser.get(url, query).status_code == 404


def test_the_page_of_a_person_and_the_own_account_give_the_same_answer(place: Namespace) -> None:
    admin, user = User.objects.get(username="admin"), User.objects.get(username="contributor")
    pages = (
        browser_of(admin).get(reverse("portal:person_detail", args=[user.pk])),
        browser_of(user).get(reverse("portal:account")),
    )
    answers = []
    for page in pages:
        answer = page.content.decode().partition("data-answer>")[2].partition("</section>")[0]
        answers.append(
            re.findall(r'data-section="\w+"|data-allowed="\w+"|data-source="[^"]+">[^<]+|number">\d+', answer)
        )
    assert answers[0] == answers[1]
    assert 'number">2' in answers[0]  # clients of Line B and of no team


def test_a_person_without_a_role_can_do_nothing(place: Namespace) -> None:
    user = make_user("stranger")
    assert "data-answer" not in browser_of(user).get(reverse("portal:account")).content.decode()
    (_, *sections) = explain([Person(user, Rights())])[user.pk]
    assert not any(line.allowed for section in sections for line in section.lines)
