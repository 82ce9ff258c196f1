"""Access to every URL of the portal: its method, and the weakest of the people who may open it. Tests: tests/portal/access."""

import pytest

from tests.portal.access.urls import url_arguments
from tests.support.certificates.chains import authority

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
    "client_manager": (
        *("namespaces:client", "lab:device", "certificates:client", "certificates:certificate_"),
        *("certificates:waiting_", "certificates:blocked_"),
    ),
}
AMONG_ROWS = {"sync:sync_retry", "sync:sync_discard", "sync:drift_resolve"}
# Of a CA certificate of any team: each team decides about its own clients.
OF_EACH_TEAM = {"certificates:clients_confirm_replacement"}
OF_A_CLIENT = {f"certificates:client_{page}" for page in ("certificates", "pin", "unpin", "revocation_alarm")}
NAMING_A_ROW = {"name", "thumbprint", "revoked", "blocked"}  # of URLs of one CA certificate, client or certificate
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
    "certificates:revoke_unseen": ("GET", "contributor"),
    "certificates:rules": ("GET", "reader"),
    "certificates:ca_certificate_binding": ("GET", "reader"),
    "certificates:ca_certificate_unbind": ("POST", "contributor"),
    "certificates:ca_certificate_contact": ("GET", "reader"),
    "certificates:waiting_devices": ("GET", "reader"),
    "certificates:waiting_devices_register": ("POST", "contributor"),
    "certificates:waiting_devices_dismiss": ("POST", "contributor"),
    "certificates:blocked_names": ("GET", "reader"),
    "certificates:blocked_name_release": ("POST", "contributor"),
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
    "certificates:ca_certificate_contact": "contributor",
    "certificates:ca_certificate_crls": "contributor",
    "certificates:ca_certificate_crl_remove": "contributor",
    "certificates:certificate_revoke": "contributor",
    "certificates:revoke_unseen": "contributor",
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


def test_every_url_has_a_row() -> None:
    assert set(url_arguments()) - OTHER_KEYS == set(TABLE)
