"""Pages, files and searches read what teams own in one way: through `visible_to`, which takes what the person sees.

Actions, workers and imports read every row; they check rights themselves. A page that needs every row to decide, and shows none of
them, is listed here with its reason.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.test_architecture import MODULES

SHOWING = {"views", "pages", "forms", "menu", "templatetags", "search"}  # folders and modules of pages
OWNED = {
    *("Client", "CACertificate", "ClientGroup", "TopicSpace", "PermissionBinding", "NamespaceConfiguration"),
    *("ClientCertificate", "ConnectionAttempt", "Finding", "Activity", "BrowserDevice", "SharedAttempt"),
    *("RevokedCertificate", "RevocationAlarm", "WaitingDevice", "BlockedName"),
}
RELATED = {"clients", "ca_certificates", "connection_attempts", "client_certificates", "configurations"}
READS = {"all", "filter", "exclude", "get", "count", "exists", "first", "values", "values_list", "present", "order_by"}
# Functions that read every row: they compare and decide, and show nothing of a hidden one.
DECIDING = {
    "certificates.pages.authentication_trace.trusted_cas": "the endpoint trusts every CA certificate; hidden ones have no name",
    "certificates.pages.certificate_check._trusted_cas": "the endpoint trusts every CA certificate; hidden ones have no name",
    "certificates.pages.ca_certificate_list.uploaded_cas": "compared with issuers; hidden ones have no name",
    "certificates.pages.decision_rules.client_certificates._refused": "the endpoint trusts every CA certificate; hidden ones have no name",
    "certificates.pages.decision_rules.seen._revoked": "asks whose CA certificate signed a revoked one, and shows none",
    "certificates.pages.decision_mode.replay._rows": "replays every device; the page names those that are seen",
    "certificates.pages.decision_mode.replay._remembered": "replays every device; the page names those that are seen",
    "certificates.pages.decision_mode.replay._never_seen": "a number of all clients, as the switch concerns all",
    "namespaces.pages.client_import._held_back": "of rows that the person brings",
    "certificates.pages.impact.trusted_until": "the endpoint trusts every CA certificate; hidden ones have no name",
    "certificates.forms.upload.existing_in": "a certificate is uploaded once; hidden ones have no name",
    "namespaces.forms.base.check_name_is_free": "names are unique in a namespace",
    "namespaces.forms.clients.check_authentication_name": "authentication names are unique in a namespace",
    "namespaces.forms.client_draft._may_be_named": "names are unique in a namespace",
    "namespaces.pages.history.listed_everywhere": "the log of the portal, for administrators",
    "namespaces.pages.history.portal_history": "the log of the portal, for administrators",
    "sync.pages.metrics._queue": "sums over all namespaces, for administrators",
    "sync.pages.metrics._drift": "sums over all namespaces, for administrators",
    "sync.pages.changes_since._record_since": "of a row that the page has read",
    "sync.pages.confirmation._deletions_among": "of differences that the page has read",
    "sync.pages.ownership._teams_of": "of differences that the page has read",
    "sync.views.drift._is_going": "of a difference that the page has read",
}


def is_showing(name: str) -> bool:
    return name.split(".")[0] in {"namespaces", "certificates", "lab", "sync"} and bool(
        SHOWING & set(name.split(".")[1:])
    )


def reads_past_sight(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the function and line of each read of owned rows that does not begin with `visible_to`."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        seen = {
            id(node.value)
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute) and node.attr == "visible_to"
        }
        for node in ast.walk(function):
            if not isinstance(node, ast.Attribute) or id(node) in seen:
                continue
            of_model = (
                node.attr == "objects" and isinstance(node.value, ast.Name) and node.value.id in {*OWNED, "model"}
            )
            of_row = node.attr in READS and isinstance(node.value, ast.Attribute) and node.value.attr in RELATED
            of_row = of_row and "state" not in ast.unparse(node)  # the engine's clients, which were read before
            if of_model or of_row or node.attr == "_default_manager":
                yield function.name, node.lineno


@pytest.mark.parametrize("name", [name for name in MODULES if is_showing(name)])
def test_pages_read_what_teams_own_through_what_the_person_sees(name: str) -> None:
    found = reads_past_sight(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    wrong = [f"{function} in line {line}" for function, line in found if f"{name}.{function}" not in DECIDING]
    assert not wrong, f"{name} reads rows without asking who sees them: {wrong}. Use `visible_to`."


def test_each_listed_function_still_reads_every_row() -> None:
    places = {
        f"{name}.{function}"
        for name in MODULES
        if is_showing(name)
        for function, _ in reads_past_sight(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    }
    assert set(DECIDING) <= places, sorted(set(DECIDING) - places)
