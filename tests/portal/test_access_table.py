"""Access to every URL of the portal, checked for every kind of user."""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from lab.models import BrowserDevice, Seat, SharedAttempt, TrainingClass
from namespaces.models import (
    AccessRequest,
    Change,
    ChangeSet,
    ClientImport,
    ConnectionAttempt,
    ImportRow,
    Namespace,
    NamespaceRole,
)
from portal.models import (
    AccessLink,
    Activity,
    InvitedTeam,
    Membership,
    OutgoingMail,
    Team,
    User,
    Webhook,
    WebhookDelivery,
)
from portal.sign_in.encryption import SIGNING_KEY, encrypt
from portal.sign_in.session_limits import SEEN_AT, SIGNED_IN_AT
from sync.models import Finding
from tests.support.chains import authority
from tests.support.factories import (
    make_admin,
    make_ca_certificate,
    make_client,
    make_client_certificate,
    make_client_group,
    make_configuration,
    make_issuer_alarm,
    make_namespace,
    make_permission_binding,
    make_revocation_alarm,
    make_revoked_certificate,
    make_topic_space,
    make_user,
)
from tests.support.kept_rows import KeptRows

pytestmark = pytest.mark.django_db

PEOPLE = ("anonymous", "stranger", "reader", "contributor", "owner", "admin")
# Roles of team Line 1, which owns every resource of the place, and of Line 2. Each is at least a Reader.
OF_TEAMS: dict[str, tuple[str, str]] = {
    f"{role} of {team}": (role, team)
    for role in ("contributor", "certificate_uploader", "client_manager")
    for team in ("Line 1", "Line 2")
}
# They lead a team and have no role anywhere. Person, team and invitation of the place belong to Line 1.
LEADS = ("lead of Line 1", "lead of Line 2")
# What somebody who manages one type may change beyond a Reader's pages: the urls of that type, and choosing among rows.
MANAGES: dict[str, tuple[str, ...]] = {
    "certificate_uploader": ("certificates:ca_certificate_",),
    "client_manager": ("namespaces:client", "lab:device", "certificates:client", "certificates:certificate_"),
}
AMONG_ROWS = {"sync:sync_retry", "sync:sync_discard", "sync:drift_resolve"}
# Of a CA certificate of any team: each team decides about its own clients.
OF_EACH_TEAM = {"certificates:clients_confirm_replacement"}
OF_A_CLIENT = {f"certificates:client_{page}" for page in ("certificates", "pin", "unpin", "revocation_alarm")}
NAMING_A_ROW = {"name", "thumbprint", "revoked"}  # arguments of URLs of one CA certificate, client or certificate
PRESS = authority("Line A CA").issue("press-1")  # the certificate of the client press-1
# The method, and the weakest of PEOPLE with access; "everybody" needs no sign-in, "stranger" any sign-in, "lead" is a team lead.
TABLE: dict[str, tuple[str, str]] = {
    "portal:home": ("GET", "stranger"),
    "home:home": ("GET", "stranger"),
    "home:certificate_check": ("GET", "stranger"),
    "portal:sign_in": ("GET", "everybody"),
    "account_login": ("GET", "everybody"),
    "mfa_authenticate": ("GET", "everybody"),
    "portal:sign_in_start_over": ("POST", "everybody"),
    "account_reset_password": ("GET", "everybody"),
    "account_reset_password_done": ("GET", "everybody"),
    "account_reset_password_from_key": ("GET", "everybody"),
    "account_reset_password_from_key_done": ("GET", "everybody"),
    "account_email": ("GET", "stranger"),
    "account_confirm_email": ("GET", "everybody"),
    "account_reauthenticate": ("GET", "stranger"),
    "mfa_reauthenticate": ("GET", "stranger"),
    "mfa_index": ("GET", "stranger"),
    "mfa_activate_totp": ("GET", "stranger"),
    "mfa_deactivate_totp": ("GET", "stranger"),
    "mfa_view_recovery_codes": ("GET", "stranger"),
    "mfa_generate_recovery_codes": ("GET", "stranger"),
    "mfa_download_recovery_codes": ("GET", "stranger"),
    "portal:sign_out": ("POST", "stranger"),
    "portal:account": ("GET", "stranger"),
    "portal:password_change": ("POST", "stranger"),
    "portal:session_state": ("GET", "everybody"),
    "portal:signed_in_again": ("GET", "stranger"),
    "portal:help": ("GET", "stranger"),
    "portal:sessions": ("GET", "stranger"),
    "portal:session_end": ("POST", "stranger"),
    "portal:sign_out_everywhere": ("POST", "stranger"),
    "portal:notification_preferences": ("GET", "stranger"),
    "portal:team_notifications": ("GET", "lead"),
    "portal:outbox_list": ("GET", "admin"),
    "portal:outbox_retry": ("POST", "admin"),
    "portal:outbox_cancel": ("POST", "admin"),
    "portal:webhook_list": ("GET", "owner"),
    "portal:webhook_create": ("GET", "owner"),
    "portal:webhook_detail": ("GET", "owner"),
    "portal:webhook_update": ("GET", "owner"),
    "portal:webhook_rotate": ("GET", "owner"),
    "portal:webhook_test": ("POST", "owner"),
    "portal:webhook_delete": ("GET", "owner"),
    "portal:delivery_retry": ("POST", "owner"),
    "portal:theme": ("POST", "everybody"),
    "portal:favicon": ("GET", "everybody"),
    "portal:search": ("GET", "stranger"),
    "portal:notifications": ("GET", "stranger"),
    "portal:notifications_seen": ("POST", "stranger"),
    "portal:bell": ("GET", "everybody"),
    "portal:export_progress": ("GET", "stranger"),
    **{
        f"portal:{page}": ("GET", "admin")
        for page in (
            *(
                "person_list",
                "person_csv",
                "person_export",
                "invite",
                "person_create",
                "person_detail",
                "person_update",
            ),
            *("person_give_role", "person_disable", "person_enable", "person_promote", "person_demote"),
            *("person_sign_out", "person_password_link", "person_reset_second_step"),
            *("team_create", "team_rename", "team_delete"),
        )
    },
    "portal:team_list": ("GET", "lead"),
    "portal:team_detail": ("GET", "lead"),
    "portal:team_invite": ("GET", "lead"),
    "portal:team_member_add": ("GET", "lead"),
    "portal:team_member_find": ("GET", "lead"),
    "portal:team_member_remove": ("GET", "lead"),
    "portal:team_member_lead": ("POST", "admin"),
    "portal:invitation_detail": ("GET", "lead"),
    "portal:invitation_renew": ("POST", "lead"),
    "portal:invitation_revoke": ("POST", "lead"),
    "classes:join": ("GET", "everybody"),
    "classes:join_return": ("POST", "everybody"),
    "classes:seat_bar": ("GET", "stranger"),
    **{f"classes:{page}": ("GET", "admin") for page in ("class_list", "class_create", "class_board", "class_large")},
    **{f"classes:{page}": ("GET", "admin") for page in ("class_report_csv", "class_code_renew", "class_tell")},
    **{f"classes:{page}": ("GET", "admin") for page in ("class_reset", "class_end", "seat_reset", "seat_code_renew")},
    "classes:seat_look": ("GET", "admin"),
    **{f"classes:{page}": ("POST", "admin") for page in ("class_lock", "class_fault", "seat_helped", "seat_look_end")},
    "namespaces:namespace_list": ("GET", "stranger"),
    "namespaces:namespace_connect": ("GET", "admin"),
    "namespaces:namespace_choices": ("GET", "admin"),
    "namespaces:portal_activity": ("GET", "admin"),
    "namespaces:portal_activity_csv": ("GET", "admin"),
    "namespaces:portal_activity_export": ("GET", "admin"),
    "namespaces:namespace_overview": ("GET", "reader"),
    "namespaces:namespace_import": ("GET", "reader"),
    "namespaces:namespace_import_retry": ("POST", "contributor"),
    "namespaces:namespace_disconnect": ("GET", "owner"),
    "namespaces:namespace_activity": ("GET", "reader"),
    "namespaces:activity_csv": ("GET", "reader"),
    "namespaces:activity_export": ("GET", "reader"),
    "namespaces:role_list": ("GET", "reader"),
    "namespaces:who_can": ("GET", "reader"),
    "namespaces:role_add": ("GET", "owner"),
    "namespaces:role_find": ("GET", "owner"),
    "namespaces:role_delete": ("GET", "owner"),
    "namespaces:other_teams": ("GET", "owner"),
    "namespaces:possession": ("GET", "owner"),
    "namespaces:control_policy": ("GET", "owner"),
    "namespaces:change_set_list": ("GET", "reader"),
    "namespaces:change_set_detail": ("GET", "reader"),
    "namespaces:change_set_json": ("GET", "reader"),
    "namespaces:change_set_edit": ("GET", "reader"),
    "namespaces:change_set_remove": ("POST", "reader"),
    **{
        f"namespaces:change_set_{each}": ("POST", "reader")
        for each in ("approve", "decline", "comment", "withdraw", "rebase", "confirm", "inverse")
    },
    "namespaces:change_set_request": ("GET", "reader"),
    "namespaces:change_set_emergency": ("POST", "owner"),
    "namespaces:change_set_discard": ("POST", "reader"),
    "namespaces:access_ask_by_name": ("GET", "stranger"),
    "namespaces:access_withdraw": ("POST", "stranger"),
    "namespaces:access_ask": ("GET", "reader"),
    "namespaces:access_grant": ("POST", "owner"),
    "namespaces:access_decline": ("POST", "owner"),
    "namespaces:client_team": ("GET", "owner"),
    "namespaces:client_renew": ("GET", "reader"),
    "namespaces:client_renew_end": ("POST", "contributor"),
    "certificates:ca_certificate_team": ("GET", "owner"),
    "namespaces:client_list": ("GET", "reader"),
    "namespaces:client_csv": ("GET", "reader"),
    "namespaces:template_export": ("GET", "reader"),
    **{f"namespaces:template_{made}": ("GET", "reader") for made in ("arm", "bicep", "terraform", "az")},
    "namespaces:client_export": ("GET", "reader"),
    "certificates:ca_certificate_export": ("GET", "reader"),
    "namespaces:client_columns": ("POST", "reader"),
    "namespaces:clients_change": ("GET", "contributor"),
    "namespaces:client_import_files": ("GET", "contributor"),
    "namespaces:client_import": ("GET", "contributor"),
    "namespaces:client_import_left": ("GET", "contributor"),
    "namespaces:client_import_result": ("GET", "contributor"),
    **{f"namespaces:client_import_{name}": ("POST", "contributor") for name in ("options", "fix", "start")},
    **{f"namespaces:client_import_{name}": ("POST", "contributor") for name in ("cancel", "resume", "discard")},
    "namespaces:client_states": ("GET", "reader"),
    "namespaces:client_create": ("GET", "contributor"),
    "namespaces:client_create_draft": ("POST", "contributor"),
    "namespaces:client_create_check": ("GET", "contributor"),
    "namespaces:client_detail": ("GET", "reader"),
    "namespaces:client_update": ("GET", "contributor"),
    "namespaces:client_update_draft": ("POST", "contributor"),
    "namespaces:client_change_authentication_name": ("GET", "contributor"),
    "namespaces:client_delete": ("GET", "contributor"),
    "namespaces:client_retry": ("POST", "contributor"),
    "namespaces:client_activity": ("GET", "reader"),
    "namespaces:client_try": ("GET", "reader"),
    "namespaces:client_live": ("GET", "reader"),
    "namespaces:client_json": ("GET", "reader"),
    "namespaces:client_commands": ("GET", "reader"),
    "namespaces:connection_list": ("GET", "reader"),
    "namespaces:connection_csv": ("GET", "reader"),
    "namespaces:connection_export": ("GET", "reader"),
    "namespaces:refused_operation_list": ("GET", "reader"),
    "namespaces:connection_newer": ("GET", "reader"),
    "namespaces:issuer_alarm_list": ("GET", "reader"),
    "namespaces:client_issuer_alarm": ("POST", "contributor"),
    "namespaces:connection_detail": ("GET", "reader"),
    "namespaces:configuration_detail": ("GET", "reader"),
    "namespaces:configuration_states": ("GET", "reader"),
    "namespaces:configuration_activity": ("GET", "reader"),
    "namespaces:configuration_json": ("GET", "reader"),
    "namespaces:configuration_commands": ("GET", "reader"),
    "namespaces:configuration_retry": ("POST", "contributor"),
    "namespaces:query_builder": ("GET", "reader"),
    "namespaces:permission_test": ("GET", "reader"),
    "certificates:ca_certificate_list": ("GET", "reader"),
    "certificates:ca_certificate_csv": ("GET", "reader"),
    "certificates:ca_certificate_states": ("GET", "reader"),
    "certificates:ca_certificate_upload": ("GET", "contributor"),
    "certificates:ca_certificate_check_name": ("GET", "contributor"),
    "certificates:ca_certificate_check_file": ("POST", "contributor"),
    "certificates:ca_certificate_detail": ("GET", "reader"),
    "certificates:ca_certificate_clients": ("GET", "reader"),
    "certificates:ca_certificate_activity": ("GET", "reader"),
    "certificates:ca_certificate_json": ("GET", "reader"),
    "certificates:ca_certificate_commands": ("GET", "reader"),
    "certificates:ca_certificate_pem": ("GET", "reader"),
    "certificates:ca_certificate_replace": ("GET", "reader"),
    "certificates:ca_certificate_possession": ("GET", "reader"),
    "certificates:ca_certificate_nonce": ("POST", "contributor"),
    **{
        f"certificates:ca_certificate_replace_{step}": ("POST", "contributor") for step in ("start", "cancel", "remind")
    },
    "certificates:clients_confirm_replacement": ("POST", "contributor"),
    "certificates:ca_certificate_update": ("GET", "contributor"),
    "certificates:ca_certificate_delete": ("GET", "contributor"),
    "certificates:ca_certificate_retry": ("POST", "contributor"),
    "certificates:decision_mode": ("GET", "reader"),
    "certificates:decision_mode_state": ("GET", "reader"),
    "certificates:decision_mode_check": ("POST", "contributor"),
    "certificates:decision_mode_switch": ("POST", "contributor"),
    "certificates:revoked_list": ("GET", "reader"),
    "certificates:rules": ("GET", "reader"),
    "certificates:ca_certificate_binding": ("GET", "reader"),
    "certificates:ca_certificate_unbind": ("POST", "contributor"),
    "certificates:ca_certificate_crls": ("GET", "reader"),
    "certificates:ca_certificate_crl": ("GET", "reader"),
    **{f"certificates:ca_certificate_crl_{page}": ("POST", "contributor") for page in ("address", "fetch")},
    "certificates:ca_certificate_crl_remove": ("GET", "contributor"),
    "certificates:client_pin": ("POST", "contributor"),
    "certificates:client_unpin": ("POST", "contributor"),
    "certificates:client_certificates": ("GET", "reader"),
    "certificates:certificate_revoke": ("GET", "contributor"),
    "certificates:certificate_release": ("GET", "contributor"),
    "certificates:certificate_let_in": ("POST", "contributor"),
    "certificates:client_revocation_alarm": ("POST", "contributor"),
    "certificates:test_authentication": ("GET", "reader"),
    "certificates:expiries": ("GET", "reader"),
    "certificates:expiry_impact": ("GET", "reader"),
    "certificates:expiry_feed_make": ("POST", "reader"),
    "certificates:expiry_feed_revoke": ("POST", "reader"),
    "certificates:sample_certificates": ("GET", "reader"),
    "certificates:sample_certificates_draft": ("POST", "reader"),
    "certificates:sample_certificates_register": ("POST", "contributor"),
    "lab:device_list": ("GET", "contributor"),
    "lab:device_create": ("POST", "contributor"),
    "lab:device_detail": ("GET", "contributor"),
    "lab:device_live": ("GET", "contributor"),
    "lab:device_certificate": ("GET", "contributor"),
    **{
        f"lab:device_{command}": ("POST", "contributor")
        for command in ("connect", "disconnect", "publish", "subscribe", "unsubscribe", "end")
    },
    "lab:share": ("GET", "reader"),
    "lab:shared_list": ("GET", "reader"),
    "lab:shared_revoke": ("POST", "reader"),
    "lab:shared_public": ("POST", "owner"),
    "sync:sync_all": ("GET", "stranger"),
    "sync:sync_overview": ("GET", "reader"),
    "sync:sync_refused": ("GET", "reader"),
    "sync:sync_retry": ("GET", "contributor"),
    "sync:sync_discard": ("GET", "contributor"),
    "sync:timeline": ("GET", "reader"),
    "sync:emulator": ("GET", "reader"),
    "sync:fault_on": ("POST", "contributor"),
    "sync:fault_off": ("POST", "contributor"),
    "sync:webhook_order": ("POST", "contributor"),
    "sync:drift_list": ("GET", "reader"),
    "sync:drift_refresh": ("POST", "contributor"),
    "sync:drift_resolve": ("POST", "contributor"),
    "sync:drift_detail": ("GET", "reader"),
    "lab:home": ("GET", "stranger"),
    "lab:place": ("GET", "contributor"),
    "lab:exercise": ("GET", "stranger"),
    "lab:begin": ("POST", "stranger"),
    **{f"lab:{step}": ("POST", "stranger") for step in ("watch", "hint", "skip", "show", "again", "fold", "close")},
}
for stem in ("client_group", "topic_space", "permission_binding"):
    TABLE |= {f"namespaces:{stem}_{page}": ("GET", "reader") for page in ("list", "states", "detail", "activity")}
    TABLE |= {f"namespaces:{stem}_{page}": ("GET", "reader") for page in ("json", "commands")}
    TABLE |= {f"namespaces:{stem}_{page}": ("GET", "contributor") for page in ("create", "update", "delete")}
    TABLE |= {f"namespaces:{stem}_{page}": ("GET", "reader") for page in ("csv", "export")}
    TABLE |= {f"namespaces:{stem}_check_name": ("GET", "contributor")}
    TABLE |= {f"namespaces:{stem}_team": ("GET", "owner")}  # of what a team owns; see tests of ownership
    TABLE |= {f"namespaces:{stem}_retry": ("POST", "contributor")}
    if stem != "permission_binding":
        TABLE |= {f"namespaces:{stem}_{page}_draft": ("POST", "contributor") for page in ("create", "update")}
# Protected by keys of their own, or by an identity provider's answer, with tests of their own.
OTHER_KEYS = {"certificates:expiry_feed", "sync:metrics", "sync:health", "sync:ready"}
OTHER_KEYS |= {
    "classes:seat_ask",
    "classes:seat_ask_end",
    "classes:join_ca",
}  # of a seat, and public: tests/lab/classes
OTHER_KEYS |= {"classes:seat_screen"}  # only while the trainer looks: tests/lab/classes/test_looking.py
OTHER_KEYS |= {f"lab:shared_{page}" for page in ("attempt", "file", "case")}
OTHER_KEYS |= {"portal:link", "portal:link_open", "portal:sso_start", "portal:sso_callback", "portal:demo_sign_in"}
OF_DRAFTS = {f"namespaces:change_set_{page}" for page in ("request", "emergency", "discard")}
# 404 instead of 403: people outside of the team must not learn that it exists.
HIDDEN = {"portal:team_notifications"}
# POSTs to URLs whose GET asks first.
CHANGES = {
    "portal:sign_in": "everybody",
    "account_login": "everybody",
    "mfa_authenticate": "everybody",
    "account_confirm_email": "everybody",
    "mfa_reauthenticate": "stranger",
    "home:certificate_check": "stranger",
    "account_email": "stranger",
    "account_reset_password": "everybody",
    "account_reset_password_from_key": "everybody",
    "account_reauthenticate": "stranger",
    "mfa_activate_totp": "stranger",
    "mfa_deactivate_totp": "stranger",
    "mfa_generate_recovery_codes": "stranger",
    **{
        name: least
        for name, (method, least) in TABLE.items()
        if name.startswith("portal:") and method == "GET" and least in {"admin", "lead"}
        if not name.endswith(("_list", "_csv", "_export", "_detail", "_find"))
    },
    "classes:join": "everybody",
    **{f"classes:{page}": "admin" for page in ("class_create", "class_code_renew", "class_tell", "class_reset")},
    **{f"classes:{page}": "admin" for page in ("class_end", "seat_reset", "seat_code_renew", "seat_look")},
    "portal:notification_preferences": "stranger",
    "portal:webhook_create": "owner",
    "portal:webhook_update": "owner",
    "portal:webhook_rotate": "owner",
    "portal:webhook_delete": "owner",
    "namespaces:namespace_connect": "admin",
    "namespaces:namespace_disconnect": "owner",
    "namespaces:role_add": "owner",
    "namespaces:role_delete": "owner",
    "namespaces:other_teams": "owner",
    "namespaces:possession": "owner",
    "namespaces:control_policy": "owner",
    "namespaces:change_set_request": "reader",
    "namespaces:change_set_edit": "reader",
    "namespaces:access_ask_by_name": "stranger",
    "namespaces:access_ask": "reader",
    "namespaces:client_team": "owner",
    "certificates:ca_certificate_team": "owner",
    "namespaces:client_create": "contributor",
    "namespaces:clients_change": "contributor",
    "namespaces:client_import_files": "contributor",
    "namespaces:client_update": "contributor",
    "namespaces:client_change_authentication_name": "contributor",
    "namespaces:client_renew": "contributor",
    "namespaces:client_delete": "contributor",
    "certificates:ca_certificate_upload": "contributor",
    "certificates:ca_certificate_update": "contributor",
    "certificates:ca_certificate_possession": "contributor",
    "certificates:ca_certificate_delete": "contributor",
    "certificates:rules": "contributor",
    "certificates:ca_certificate_binding": "contributor",
    "certificates:ca_certificate_crls": "contributor",
    "certificates:ca_certificate_crl_remove": "contributor",
    "certificates:certificate_revoke": "contributor",
    "certificates:certificate_release": "contributor",
    **{
        f"namespaces:{stem}_{action}": "contributor"
        for stem in ("client_group", "topic_space", "permission_binding")
        for action in ("create", "update", "delete")
    },
    **{f"namespaces:{stem}_team": "owner" for stem in ("client_group", "topic_space", "permission_binding")},
    "namespaces:configuration_detail": "contributor",
    "sync:sync_retry": "contributor",
    "sync:sync_discard": "contributor",
    "certificates:test_authentication": "reader",
    "certificates:sample_certificates": "reader",
    "lab:share": "reader",
}
ROWS = [*((name, *row) for name, row in TABLE.items()), *((name, "POST", least) for name, least in CHANGES.items())]


PLACE = KeptRows()


@pytest.fixture
def place(settings: Any) -> Namespace:
    """A namespace with one row of each kind, and people with every role, each with a session."""
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    settings.LIVE_STATE_GATEWAY = "sync.capabilities.live_state.ArmLiveState"
    settings.DEVICES_IN_BROWSER = True  # their process does not run
    PLACE.provide(furnish)
    return Namespace.objects.get(name="factory")


def furnish() -> None:
    people: dict[str, Any] = {name: make_user(name) for name in ("owner", "contributor", "reader")}
    make_user("stranger")
    make_user("disabled", is_active=False)
    make_admin()
    namespace = make_namespace("factory", **people)
    NamespaceRole.objects.create(namespace=namespace, user=User.objects.get(username="disabled"), role="owner")
    teams = {name: Team.objects.create(pk=1000 + at, name=name) for at, name in enumerate(("Line 1", "Line 2"))}
    for line in teams.values():
        Membership.objects.create(team=line, user=make_user(f"lead of {line.name}"), is_lead=True)
    Membership.objects.create(team=teams["Line 1"], user=make_user("member", pk=1000))
    far = timezone.now() + timedelta(days=7)
    link = AccessLink.objects.create(pk=1000, purpose="join", secret_hash="-", created_at=far, expires_at=far, email="new@x.example")  # fmt: skip
    InvitedTeam.objects.create(link=link, team=teams["Line 1"])
    teams["Line 1"].members.add(people["contributor"])
    for person, (role, team) in OF_TEAMS.items():
        user = make_user(person)
        teams[team].members.add(user)
        NamespaceRole.objects.create(namespace=namespace, user=user, role=role)
    own: dict[str, Any] = {"team": teams["Line 1"]}
    press = make_client(namespace, "press-1", **own)
    make_issuer_alarm(press, pk=1000)
    make_revocation_alarm(press, pk=1000)
    make_ca_certificate(namespace, "line-a", **own)
    make_client_certificate(namespace, "press-1", PRESS.der)
    make_revoked_certificate(namespace, "press-1", PRESS.issue("press-1-old").der, pk=1000, **own)
    make_configuration(namespace)
    make_client_group(namespace, "press-1", **own)
    make_topic_space(namespace, "press-1", **own)
    make_permission_binding(namespace, "press-1", group="press-1", space="press-1", **own)
    now = timezone.now()
    ConnectionAttempt.objects.create(
        namespace=namespace, cursor=1, at=now, accepted=True, code="", reason="", record={}
    )
    entry = {"verb": "Create client", "scope": namespace.pk, "kind": "namespaces.client", "object_name": "press-1"}
    Activity.objects.create(pk=1000, at=now, actor_name="Portal", outcome="local", **entry)
    NamespaceRole.objects.create(pk=1000, namespace=namespace, user=make_user("guest"), role="reader")
    times = {"created_at": now, "next_attempt_at": now, "expires_at": now}
    OutgoingMail.objects.create(pk=1000, purpose="invitation", to="ada@example.com", **times)
    key = encrypt("whsec_AAAA", SIGNING_KEY)
    hook = {"name": "Chat", "url": "https://hooks.example.com/", "scope": namespace.pk, "created_at": now}
    Webhook.objects.create(pk=1000, owner=people["owner"], signing_key=key, events=["ca_expiry"], **hook)
    WebhookDelivery.objects.create(pk=1000, webhook_id=1000, event="ca_expiry", **times)
    asker = make_user("asker")
    asked: dict[str, Any] = {"namespace": namespace, "namespace_name": "factory", "user": asker, "role": "reader"}
    AccessRequest.objects.create(pk=1000, asked_at=now, expires_at=now + timedelta(days=1), reason="Work", **asked)
    finding = {"kind": "namespaces.client", "scope": namespace.pk, "name": "press-2", "drift": "appeared"}
    Finding.objects.create(pk=1000, found_at=now, seen_at=now, resource={"name": "press-2"}, **finding)
    run = ClientImport.objects.create(pk=1000, namespace=namespace, user=people["owner"], created_at=now)
    for number, (verdict, fix) in enumerate(
        (("new", ""), ("no-issuer", "use-thumbprint"), ("name-taken", "rename")), 1
    ):
        values: dict[str, Any] = {
            "name": f"new-{number}",
            "validation_scheme": "ThumbprintMatch",
            "thumbprints": [f"{number}" * 64],
        }
        certificate = {"thumbprint": f"{number}" * 64, "issuer": "CN=Line", "issuer_key": "-"} if number == 2 else {}
        wanted = values | {
            "authentication_name": values["name"],
            "state": "Enabled",
            "description": "",
            "attributes": {},
        }
        facts = {"verdict": verdict, "fix": fix, "fix_value": "new-9", "values": values, "wanted": wanted}
        ImportRow.objects.create(run=run, number=number, source="a.csv", place=number, certificate=certificate, **facts)
    training = TrainingClass.objects.create(pk=1000, title="Monday", trainer=User.objects.get(is_superuser=True), created_at=now)  # fmt: skip
    trainee = make_user("trainee", is_active=False)
    Seat.objects.create(training=training, number=1, user=trainee, first_name="Tia", return_hash="-", joined_at=now)
    BrowserDevice.objects.create(
        pk=1000, namespace=namespace, owner=people["owner"], handle="-", authentication_name="press-1",
        validation_scheme="SubjectMatchesAuthenticationName", client_id="press-1-device", thumbprint="ab" * 32, created_at=now,
    )  # fmt: skip
    SharedAttempt.objects.create(
        pk=1000,
        namespace=namespace,
        owner=people["owner"],
        secret_hash="-",
        cursor=1,
        frozen={},
        created_at=now,
        expires_at=far,
    )
    make_draft(namespace.pk, people["owner"].pk)
    for each in User.objects.all():
        values = {
            SESSION_KEY: str(each.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: each.get_session_auth_hash(),
            SIGNED_IN_AT: now.timestamp(),
            SEEN_AT: now.timestamp(),
        }
        Session.objects.create(
            session_key=session_key_of(each.username),
            session_data=SessionStore().encode(values),
            expire_date=now + timedelta(days=1),
        )


def session_key_of(person: str) -> str:
    return hashlib.sha256(person.encode()).hexdigest()[:32]


def arguments(name: str, pk: int) -> dict[str, Any]:
    known = {
        "pk": pk,
        "name": "line-a" if name.startswith("certificates:") and name not in OF_A_CLIENT else "press-1",
        "thumbprint": PRESS.thumbprint,
        "revoked": 1000,
        "pin": 1000,
        "field": "name",
        "ending": "json",
        "cursor": 1,
        "entry": 1000,
        "finding": 1000,
        "session": 1000,
        "device": 1000,
        "shared": 1000,
        "which": "intermediate",
        "number": 1000,
        "run": 1000,
        "token": "0" * 32,
        "uidb36": "1",
        "key": "wrong",
        "assignment": 1000,
        "asked": 1000,
        "alarm": 1000,
        "person": 1000,
        "team": 1000,
        "webhook": 1000,
        "delivery": 1000,
        "mail": 1000,
        "invitation": 1000,
        "secret": "wrong",
        "training": 1000,
        "seat": 1,
        "slug": "make-a-chain",
    }
    return {key: known[key] for key in url_arguments()[name]}


@cache
def url_arguments() -> dict[str, set[str]]:
    return dict(_walk(get_resolver(), ""))


def _walk(resolver: Any, prefix: str) -> Iterator[tuple[str, set[str]]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, f"{pattern.namespace}:" if pattern.namespace else prefix)
        elif isinstance(pattern, URLPattern):
            yield f"{prefix}{pattern.name}", set(pattern.pattern.converters)


def ask(browser: Browser, name: str, method: str, pk: int) -> Any:
    url = reverse(name, kwargs=arguments(name, pk))
    if "run" in url_arguments()[name] and settings.SESSION_COOKIE_NAME in browser.cookies:
        # An import is seen by the person who brought it only.
        ClientImport.objects.update(user=browser.session["_auth_user_id"])
    if "device" in url_arguments()[name] and settings.SESSION_COOKIE_NAME in browser.cookies:
        BrowserDevice.objects.update(owner=browser.session["_auth_user_id"])  # seen by its owner only
    if "number" in url_arguments()[name] and settings.SESSION_COOKIE_NAME in browser.cookies:
        make_draft(Namespace.objects.get(name="factory").pk, int(browser.session["_auth_user_id"]))
        if name not in OF_DRAFTS:
            ChangeSet.objects.update(state="open", requested_at=timezone.now())
    if name == "lab:shared_revoke" and settings.SESSION_COOKIE_NAME in browser.cookies:
        once = {"owner_id": browser.session["_auth_user_id"], "secret_hash": "-", "cursor": 1, "frozen": {}}
        times = dict.fromkeys(("created_at", "expires_at"), timezone.now())
        SharedAttempt.objects.update_or_create(
            pk=1000, namespace=Namespace.objects.get(name="factory"), defaults=once | times
        )
    return browser.get(url) if method == "GET" else browser.post(url)


def make_draft(namespace_pk: int, user_pk: int) -> None:
    """Make the draft of a change set that this person has not requested yet, and that nobody else sees."""
    now = timezone.now()
    life = {"created_at": now, "expires_at": now + timedelta(days=1), "state": "draft", "title": "New role"}
    whose = {"namespace_id": namespace_pk, "requested_by_id": user_pk, "needs": ["other_role"]}
    change_set, _ = ChangeSet.objects.update_or_create(pk=1000, defaults=life | whose)
    roles = {"user": user_pk, "team": None, "role": "reader", "roles": ["reader"]}
    change = {"kind": "role", "operation": "grant", "name": "press-1: Reader", "before": roles, "values": roles}
    Change.objects.update_or_create(change_set=change_set, position=1, defaults=change)


def body_of(answer: Any) -> bytes:
    """What was answered, also where it comes in pieces; of an archive, all its files."""
    data = bytes(answer.getvalue() if answer.streaming else answer.content)
    if answer.headers.get("Content-Type") != "application/zip":
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


def signed_in(person: str) -> Browser:
    browser = Browser()
    if person != "anonymous":
        browser.cookies[settings.SESSION_COOKIE_NAME] = session_key_of(person)
    return browser


def is_allowed(person: str, name: str, least: str) -> bool:
    """Whether a person may open a URL, by the weakest of PEOPLE with access."""
    if least == "everybody" or person == "disabled":
        return least == "everybody"
    if person in LEADS:
        return least == "stranger" or (least == "lead" and (person == LEADS[0] or name == "portal:team_list"))
    if least == "lead":
        return person == "admin"
    role, team = OF_TEAMS.get(person, (person, "Line 1"))
    if role in PEOPLE:
        is_strong = PEOPLE.index(role) >= PEOPLE.index(least)
    else:
        manages = least == "contributor" and (is_of(role, name) or name in AMONG_ROWS)
        is_strong = PEOPLE.index("reader") >= PEOPLE.index(least) or manages
    is_of_a_row = least == "contributor" and bool(NAMING_A_ROW & url_arguments()[name]) and name not in OF_EACH_TEAM
    return is_strong and (team == "Line 1" or not is_of_a_row)


def is_of(role: str, name: str) -> bool:
    return name.startswith(MANAGES[role]) and not name.startswith("namespaces:client_group")


def is_of_line_1(person: str) -> bool:
    return person == "contributor" or person.endswith("of Line 1")


def test_every_url_has_a_row() -> None:
    assert set(url_arguments()) - OTHER_KEYS == set(TABLE)


REMOVES = (
    "_disconnect",
    "_delete",
    "_team",
    "client_import_discard",
    "change_authentication_name",
    "_member_remove",
    "invitation_revoke",
    "class_end",
)  # a POST leaves nothing for the next person
ONE_OF_TEAMS = "client_manager of Line 2"  # the least of OF_TEAMS
ASKED = 1 if "FAKETIME" in os.environ else None  # no date changes what the others may do: tests/future.py


def cases() -> Iterator[tuple[str, str, str, tuple[str, ...], bool]]:
    """Yield each row of the table with the people who ask in turn, the strongest first, and whether the test is a long one.

    What the strong did must not help the weak. Where a row is nothing that a role of a team adds to, one of these is asked at
    once, and the others in the long tests.
    """
    for name, method, least in ROWS:
        everyone = (*PEOPLE[::-1], *OF_TEAMS, *LEADS, "disabled")
        if least != "contributor":
            yield name, method, least, tuple(OF_TEAMS), True
            everyone = (*PEOPLE[::-1], ONE_OF_TEAMS, *LEADS, "disabled")
        if method == "POST" and name.endswith(REMOVES):
            allowed = [person for person in everyone if is_allowed(person, name, least)]
            for person in allowed:
                yield name, method, least, (person,), False
            everyone = tuple(person for person in everyone if person not in allowed)
        yield name, method, least, everyone, False


CASES = [
    pytest.param(*row, marks=[pytest.mark.long] if is_long else [], id=f"{row[1]} {row[0]} as {row[3][0]}")
    for *row, is_long in cases()
]


@pytest.mark.parametrize(("name", "method", "least", "people"), CASES)
def test_access_by_role(place: Namespace, name: str, method: str, least: str, people: tuple[str, ...]) -> None:
    for person in people[:ASKED]:
        answer = ask(signed_in(person), name, method, place.pk)
        may = is_allowed(person, name, least)
        if may:
            assert answer.status_code in {200, 204, 286, 302, 422}, f"{person}: {answer.status_code}"
            assert not str(answer.headers.get("Location", "")).startswith(reverse("portal:sign_in") + "?next="), person
        elif person in {"anonymous", "disabled"}:
            assert answer.status_code == 302, person
            assert answer.headers["Location"].startswith(reverse("portal:sign_in")), person
        elif (name in HIDDEN and not is_of_line_1(person)) or (
            person in {"stranger", *LEADS} and "pk" in url_arguments()[name]
        ):
            assert answer.status_code == 404, person
        else:
            assert answer.status_code == 403, f"{person}: {answer.status_code}"


# The second argument of client_create_check is a field, that of an export the kind of file: not an object.
OF_AN_OBJECT = sorted(
    name
    for name in TABLE
    if len(url_arguments()[name]) > 1
    and "pk" in url_arguments()[name]
    and name != "namespaces:client_create_check"
    and not name.endswith("_export")
)


@pytest.mark.parametrize("name", OF_AN_OBJECT)
def test_an_object_of_another_namespace_is_not_found(place: Namespace, name: str) -> None:
    other = make_namespace("elsewhere")
    answer = ask(signed_in("admin"), name, TABLE[name][0], other.pk)
    assert answer.status_code == 404


def test_a_reader_sees_no_buttons_that_change_anything(place: Namespace) -> None:
    reader, contributor = signed_in("reader"), signed_in("contributor")
    for name, (method, least) in TABLE.items():
        if method != "GET" or least != "reader" or name == "namespaces:change_set_edit":  # of the request that one made
            continue
        text = body_of(ask(reader, name, "GET", place.pk)).decode()
        for forbidden in (
            "create-client/",
            "upload-certificate/",
            "/update/",
            "/delete/",
            "/remove/",
            "add-role-assignment/",
            "/team/",
            "/other-teams/",
            "/grant/",
            "/decline/",
            "/retry/",
            "/disconnect/",
            "/release/",
            "/revoke/",
            "change-clients",
        ):
            assert forbidden not in text, f"{name} shows a Reader {forbidden}"
    assert "create-client/" in ask(contributor, "namespaces:client_list", "GET", place.pk).content.decode()
    assert (
        "upload-certificate/" in ask(contributor, "certificates:ca_certificate_list", "GET", place.pk).content.decode()
    )


# What a namespace can hide from other teams: the pages of one CA certificate or client of Line 1.
HIDEABLE = sorted(
    {
        (name, method)
        for name, method, _ in ROWS
        if "name" in url_arguments()[name]
        and name.startswith(("certificates:ca_certificate_", "certificates:client_", "namespaces:client_"))
        if not name.startswith("namespaces:client_group")
    }
)


@pytest.mark.parametrize("person", ["reader", *(each for each in OF_TEAMS if each.endswith("Line 2"))])
def test_hidden_rows_are_not_found_by_anyone_of_another_team(place: Namespace, person: str) -> None:
    Namespace.objects.update(hides_other_teams=True)
    browser = signed_in(person)
    for name, method in HIDEABLE:
        url = reverse(name, kwargs=arguments(name, place.pk))
        nowhere = reverse(name, kwargs=arguments(name, place.pk) | {"name": "nothing-here"})
        found, missing = (browser.get(each) if method == "GET" else browser.post(each) for each in (url, nowhere))
        assert found.status_code == missing.status_code, name
        assert found.status_code in {403, 404}, name  # 403: the role is too weak, whatever there is


@pytest.mark.parametrize("person", ["admin", "owner", "contributor", "certificate_uploader of Line 1"])
def test_hiding_takes_nothing_from_owners_and_the_own_team(place: Namespace, person: str) -> None:
    browser = signed_in(person)
    asked = [(name, method) for name, method in HIDEABLE if method == "GET"]
    before = [ask(browser, name, method, place.pk).status_code for name, method in asked]
    Namespace.objects.update(hides_other_teams=True)
    assert [ask(browser, name, method, place.pk).status_code for name, method in asked] == before
    assert 404 not in before
