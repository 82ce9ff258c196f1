"""People: the list, one person, and creating and changing an account."""

from operator import attrgetter
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from portal.people import accounts
from portal.people.authority import RefusedError, is_by_sso
from portal.people.forms import CreateForm, NameForm, RoleChoiceForm
from portal.people.lists import PersonRow, people_for_csv
from portal.people.person import person_page
from portal.views.people.context import check_administrator, get_person, keep_secret, people_context
from portal.web.exports import RowColumn, row_file
from portal.web.responses import PageRequest, go_to, render_page


def _teams(row: PersonRow) -> str:
    return ", ".join(f"{mark.name} (lead)" if mark.is_lead else mark.name for mark in row.teams)


def _stored_teams(row: PersonRow) -> list[dict[str, object]]:
    return [{"name": mark.name, "is_lead": mark.is_lead} for mark in row.teams]


EXPORTED = {
    "name": RowColumn("Name", attrgetter("name")),
    "user_name": RowColumn("User name", lambda row: row.user.username if row.user else ""),
    "email": RowColumn("E-mail address", lambda row: row.user.email if row.user else row.detail),
    "teams": RowColumn("Teams", _teams, _stored_teams),
    "roles": RowColumn("Roles", lambda row: ", ".join(row.roles), lambda row: list(row.roles)),
    "last_sign_in": RowColumn("Last sign-in (UTC)", lambda row: row.user.last_login if row.user else None),
    "state": RowColumn("State", lambda row: row.state.label, lambda row: row.state.key),
}


@require_safe
def person_list(request: PageRequest) -> HttpResponse:
    check_administrator(request.user)
    return render_page(request, "people/person_list.html", people_context(request), partial="grid")


@require_safe
def person_csv(request: PageRequest) -> StreamingHttpResponse:
    return person_export(request, "csv")


@require_safe
def person_export(request: PageRequest, ending: str) -> StreamingHttpResponse:
    """Download the people and invitations that match the filter."""
    check_administrator(request.user)
    people = people_for_csv(request.GET)
    return row_file(request, ending, "people", people, EXPORTED, count=lambda: len(people))


@require_safe
def person_detail(request: PageRequest, person: int) -> HttpResponse:
    found = get_person(request, person)
    context = people_context(request, person=person_page(found, request.GET))
    return render_page(request, "people/person_detail.html", context, partial="pane")


@require_http_methods(["GET", "HEAD", "POST"])
def person_create(request: PageRequest) -> HttpResponseBase:
    check_administrator(request.user)
    form = CreateForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user, password = accounts.create_person(request.user, **form.given())
        except RefusedError as refusal:
            form.refuse(refusal)
        else:  # shown only in this response, so there is no redirect
            context = people_context(request, created=user, password=password)
            return keep_secret(render_page(request, "people/person_created.html", context, partial="pane"))
    context = people_context(request, form=form)
    status = 422 if form.is_bound else 200
    return render_page(request, "people/person_create.html", context, partial="pane", status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def person_update(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    if request.method != "POST" and is_by_sso(found):
        return go_to(request, "portal:person_detail", found.pk)  # which says where name and address are changed
    initial = {"first_name": found.first_name, "last_name": found.last_name, "email": found.email}
    form = NameForm(request.POST if request.method == "POST" else None, initial=initial)
    return _change(
        request,
        found,
        form,
        act=lambda: accounts.update_person(request.user, person=found, **form.names()),
        done="The name and address are saved.",
        title="Edit name and address",
        button="Save",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def person_give_role(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    form = RoleChoiceForm(request.POST if request.method == "POST" else None)
    return _change(
        request,
        found,
        form,
        act=lambda: accounts.give_role(request.user, person=found, key=form.cleaned_data["role"]),
        done=f"{found.display_name} has the role now.",
        title="Give a role",
        button="Give role",
    )


def _change(
    request: PageRequest, person: Any, form: Any, *, act: Any, done: str, title: str, button: str
) -> HttpResponseBase:
    """Show a form about one person in the pane, and act when it is valid."""
    if form.is_valid():
        try:
            act()
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, done)
            return go_to(request, "portal:person_detail", person.pk)
    context = people_context(request, form=form, user_changed=person, pane_title=title, button=button)
    status = 422 if form.is_bound else 200
    return render_page(request, "people/person_form.html", context, partial="pane", status=status)
