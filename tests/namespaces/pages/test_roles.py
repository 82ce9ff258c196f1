"""Access control: roles are seen, given and taken in the portal, and nobody is locked out."""

import re
from typing import Any

import pytest
from django.urls import reverse

from namespaces.models import Namespace, NamespaceRole, Role
from namespaces.rights import rights_in
from portal.models import Activity, User
from portal.registry import menu_for
from tests.support.browser.browsing import page, signed_in
from tests.support.database.factories import make_admin, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga() -> User:
    return make_user("olga", first_name="Olga", last_name="Owner")


@pytest.fixture
def rita() -> User:
    return make_user("rita", first_name="Rita", last_name="Reader")


@pytest.fixture
def namespace(olga: User) -> Namespace:
    return make_namespace(owner=olga)


def add(actor: User, namespace: Namespace, **data: Any) -> Any:
    namespace.refresh_from_db()
    opened = {"generation": str(namespace.roles_edition)}
    return signed_in(actor).post(reverse("namespaces:role_add", args=[namespace.pk]), opened | data, follow=True)


def remove(actor: User, held: NamespaceRole) -> Any:
    return signed_in(actor).post(reverse("namespaces:role_delete", args=[held.namespace_id, held.pk]), follow=True)


def test_an_owner_gives_a_role_that_counts_at_once(olga: User, rita: User, namespace: Namespace) -> None:
    answer = add(olga, namespace, who="rita", role="reader")
    (message,) = answer.context["messages"]
    assert (message.level_tag, message.extra_tags) == ("success", "role-granted")
    assert re.search(r"Rita Reader \(rita\) .*\bReader\b.* factory\b", str(message))
    assert rights_in(rita, namespace.pk).role is Role.READER
    assert "Rita Reader" in page(rita, "namespaces:role_list", namespace.pk)
    add(olga, namespace, who="Rita Reader", role="contributor")
    assert rights_in(rita, namespace.pk).role is Role.CONTRIBUTOR
    assert NamespaceRole.objects.filter(user=rita).count() == 1


def test_a_team_gets_a_role(olga: User, rita: User, namespace: Namespace) -> None:
    make_team("Line 1", rita)
    add(olga, namespace, who="line 1", role="contributor")
    assert rights_in(rita, namespace.pk).role is Role.CONTRIBUTOR


def test_part_of_a_name_is_asked_about_and_chosen_without_javascript(
    olga: User, rita: User, namespace: Namespace
) -> None:
    make_user("rico", first_name="Rico", last_name="Line")
    answer = add(olga, namespace, who="ri", role="contributor")
    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="who-error" data-code="ambiguous"' in text
    assert re.findall(r'name="role" value="(\w+)" checked', text) == ["contributor"], "what was chosen stays"
    assert set(re.findall(r'name="holder" value="user-(\d+)"', text)) >= {str(rita.pk)}
    add(olga, namespace, who="ri", role="reader", holder=f"user-{rita.pk}")
    assert rights_in(rita, namespace.pk).role is Role.READER


def test_a_choice_that_does_not_fit_the_name_gives_nobody_a_role(olga: User, rita: User, namespace: Namespace) -> None:
    dana = make_user("dana")
    for typed, holder in (("dana", f"user-{rita.pk}"), ("dana", "user-999"), ("dana", "nobody"), ("", "")):
        assert add(olga, namespace, who=typed, role="reader", holder=holder).status_code == 422
    assert add(olga, namespace, who="dana", role="emperor").status_code == 422
    assert rights_in(rita, namespace.pk).role is rights_in(dana, namespace.pk).role is None


def test_people_and_teams_are_found_by_every_name_they_have(olga: User, rita: User, namespace: Namespace) -> None:
    make_team("Ritas")
    make_user("rita-gone", is_active=False)
    for typed, found in (
        ("rita", ["Rita Reader", "Ritas"]),
        ("READ rit", ["Rita Reader"]),
        ("wner", ["Olga Owner"]),
        ("xyz", []),
    ):
        text = page(olga, "namespaces:role_find", namespace.pk, who=typed)
        assert re.findall(r"<span>([^<]+)<span", text) == found, typed
    assert re.search(r'data-code="unknown">[^<]*“xyz”', text)


def test_a_role_is_taken_and_its_person_finds_nothing_any_more(olga: User, rita: User, namespace: Namespace) -> None:
    held = NamespaceRole.objects.create(namespace=namespace, user=rita, role="reader")
    question = page(olga, "namespaces:role_delete", namespace.pk, held.pk)
    assert "Rita Reader (rita)" in question
    (message,) = remove(olga, held).context["messages"]
    assert (message.level_tag, message.extra_tags) == ("success", "role-revoked")
    assert re.search(r"Rita Reader \(rita\) .*\bReader\b.* factory\b", str(message))
    assert signed_in(rita).get(reverse("namespaces:role_list", args=[namespace.pk])).status_code == 404
    assert signed_in(olga).get(reverse("namespaces:role_delete", args=[namespace.pk, held.pk])).status_code == 404


def test_each_change_is_logged_with_whom_it_concerns(olga: User, rita: User, namespace: Namespace) -> None:
    add(olga, namespace, who="rita", role="reader")
    add(olga, namespace, who="rita", role="contributor")
    remove(olga, NamespaceRole.objects.get(user=rita))
    told = [(entry.verb, entry.object_name, entry.actor) for entry in Activity.objects.order_by("pk")]
    assert told == [
        ("Grant role", "Rita Reader (rita): Reader", olga),
        ("Grant role", "Rita Reader (rita): Contributor", olga),
        ("Revoke role", "Rita Reader (rita): Contributor", olga),
    ]
    assert "Rita Reader (rita): Contributor" in page(olga, "namespaces:namespace_activity", namespace.pk)


def test_the_last_owner_is_told_why_they_stay(olga: User, rita: User, namespace: Namespace) -> None:
    held = NamespaceRole.objects.get()
    assert 'data-code="last-owner"' in page(olga, "namespaces:role_delete", namespace.pk, held.pk)
    assert 'data-code="last-owner"' in remove(olga, held).content.decode()
    lowered = add(olga, namespace, who="olga", role="reader").content.decode()
    assert 'id="role-error" data-code="last-owner"' in lowered
    assert rights_in(olga, namespace.pk).role is Role.OWNER


def test_an_owner_who_cannot_sign_in_and_a_team_of_nobody_are_no_owners(
    olga: User, rita: User, namespace: Namespace
) -> None:
    NamespaceRole.objects.create(namespace=namespace, user=make_user("gone", is_active=False), role="owner")
    NamespaceRole.objects.create(namespace=namespace, team=make_team("Empty"), role="owner")
    held = NamespaceRole.objects.get(user=olga)
    assert 'data-code="last-owner"' in remove(olga, held).content.decode()
    NamespaceRole.objects.create(namespace=namespace, team=make_team("Line 1", rita), role="owner")
    remove(olga, held)
    assert rights_in(olga, namespace.pk).role is None


def test_who_takes_their_own_last_role_lands_on_the_list_of_namespaces(
    olga: User, rita: User, namespace: Namespace
) -> None:
    NamespaceRole.objects.create(namespace=namespace, user=rita, role="owner")
    held = NamespaceRole.objects.get(user=olga)
    assert 'data-code="own-role"' in page(olga, "namespaces:role_delete", namespace.pk, held.pk)
    answer = remove(olga, held)
    assert answer.redirect_chain[-1][0] == reverse("namespaces:namespace_list")


def test_an_administrator_gets_in_whoever_has_taken_which_role(rita: User) -> None:
    admin, namespace = make_admin(), make_namespace()
    text = page(admin, "namespaces:role_list", namespace.pk)
    assert re.search(r'<tr data-owner="administrator">\s*<td><strong>admin<', text)
    add(admin, namespace, who="rita", role="owner")
    assert rights_in(rita, namespace.pk).role is Role.OWNER


def test_the_role_one_has_already_is_no_change(olga: User, rita: User, namespace: Namespace) -> None:
    add(olga, namespace, who="rita", role="reader")
    again = add(olga, namespace, who="rita", role="reader").content.decode()
    assert 'id="role-error" data-code="held"' in again
    assert Activity.objects.count() == 1


def test_the_list_is_filtered_and_sorted(olga: User, rita: User, namespace: Namespace) -> None:
    NamespaceRole.objects.create(namespace=namespace, user=rita, role="reader")
    NamespaceRole.objects.create(namespace=namespace, team=make_team("Line 1"), role="contributor")

    def names(**query: str) -> list[str]:
        return re.findall(r"<td>\s*<strong>([^<]+)", page(olga, "namespaces:role_list", namespace.pk, **query))

    assert names() == ["Olga Owner", "Line 1", "Rita Reader"], "the strongest role first"
    assert names(sort="name") == ["Line 1", "Olga Owner", "Rita Reader"]
    assert names(q="RITA") == ["Rita Reader"]
    assert names(q="contrib") == ["Line 1"]
    assert 'data-code="filtered"' in page(olga, "namespaces:role_list", namespace.pk, q="xyz")


def asked(text: str) -> tuple[str, str]:
    """The kind of users that an error page names as next step, and their names."""
    ((kind, names),) = re.findall(r"data-next-step>[^<]*?(\w+): ([^.<]*)\.", text)
    return kind, names


def test_a_refusal_names_the_owners_to_ask(olga: User, rita: User, namespace: Namespace) -> None:
    NamespaceRole.objects.create(namespace=namespace, user=rita, role="reader")
    NamespaceRole.objects.create(namespace=namespace, team=make_team("Line 1", olga), role="owner")
    NamespaceRole.objects.create(namespace=namespace, user=make_user("gone", is_active=False), role="owner")
    answer = signed_in(rita).get(reverse("namespaces:client_create", args=[namespace.pk]))
    text = answer.content.decode()
    assert answer.status_code == 403
    assert 'data-code="denied"' in text
    assert re.search(r"<h1>[^<]* factory [^<]*\bReader\b[^<]*\bContributor\b", text)
    assert asked(text) == ("Owner", "Olga Owner (olga), team Line 1")
    assert "Access control (IAM)" in text[text.index("data-next-step") :]


def test_without_an_owner_the_administrators_are_named(rita: User) -> None:
    make_admin()
    namespace = make_namespace(reader=rita)
    text = signed_in(rita).get(reverse("namespaces:client_create", args=[namespace.pk])).content.decode()
    assert asked(text) == ("administrator", "admin")
    connecting = signed_in(rita).get(reverse("namespaces:namespace_connect")).content.decode()
    assert asked(connecting) == ("administrator", "admin")


def test_the_account_page_shows_ones_roles(olga: User, rita: User, namespace: Namespace) -> None:
    assert 'data-code="no-roles"' in page(rita, "portal:account")
    NamespaceRole.objects.create(namespace=namespace, user=rita, role="reader")
    NamespaceRole.objects.create(namespace=namespace, team=make_team("Line 1", rita, olga), role="contributor")
    text = page(rita, "portal:account")
    assert text.count(reverse("namespaces:namespace_overview", args=[namespace.pk])) == 2
    assert "team Line 1" in text
    assert 'data-code="administrator"' in page(make_admin(), "portal:account")


def test_access_control_stands_after_the_activity_log(namespace: Namespace) -> None:
    labels = [entry.item.label for entry in dict(menu_for(namespace.pk, namespace.sight))[""]]
    assert labels[labels.index("Activity log") + 1] == "Access control (IAM)"
