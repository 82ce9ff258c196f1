from django.urls import URLPattern, path

from certificates.views import (
    authentication_trace,
    ca_certificates,
    decision_mode,
    expiries,
    possession,
    rollovers,
    samples,
)
from certificates.views.ca_certificates import CA_CERTIFICATES
from certificates.views.decision_rules import alarms, bindings, clients, lists, revocations, rules
from certificates.views.first_contact import lists as first_contact_lists
from certificates.views.first_contact import template as first_contact
from namespaces.views.resources.urls import resource_urls

app_name = "certificates"
urlpatterns: list[URLPattern] = [
    # CA certificates
    *resource_urls(CA_CERTIFICATES, create_route="upload-certificate"),
    path(
        "<int:pk>/upload-certificate/check-file/",
        ca_certificates.ca_certificate_check_file,
        name="ca_certificate_check_file",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/clients/",
        ca_certificates.ca_certificate_clients,
        name="ca_certificate_clients",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/replace/",
        rollovers.ca_certificate_replace,
        name="ca_certificate_replace",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/replace/start/",
        rollovers.ca_certificate_replace_start,
        name="ca_certificate_replace_start",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/replace/cancel/",
        rollovers.ca_certificate_replace_cancel,
        name="ca_certificate_replace_cancel",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/replace/remind/",
        rollovers.ca_certificate_replace_remind,
        name="ca_certificate_replace_remind",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/replace/confirm/",
        rollovers.clients_confirm_replacement,
        name="clients_confirm_replacement",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/pem/",
        ca_certificates.ca_certificate_pem,
        name="ca_certificate_pem",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/possession/",
        possession.ca_certificate_possession,
        name="ca_certificate_possession",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/possession/nonce/",
        possession.ca_certificate_nonce,
        name="ca_certificate_nonce",
    ),
    # Rules that Azure does not have
    path("<int:pk>/rules/", rules.rules, name="rules"),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/vouches-for/",
        bindings.ca_certificate_binding,
        name="ca_certificate_binding",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/vouches-for/remove/",
        bindings.ca_certificate_unbind,
        name="ca_certificate_unbind",
    ),
    path("<int:pk>/clients/<client_name:name>/certificates/pin/", clients.client_pin, name="client_pin"),
    path(
        "<int:pk>/clients/<client_name:name>/certificates/<int:pin>/unpin/", clients.client_unpin, name="client_unpin"
    ),
    path("<int:pk>/revocation-lists/", lists.ca_certificate_crls, name="ca_certificate_crls"),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/revocation-list/",
        lists.ca_certificate_crl,
        name="ca_certificate_crl",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/revocation-list/address/",
        lists.ca_certificate_crl_address,
        name="ca_certificate_crl_address",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/revocation-list/fetch/",
        lists.ca_certificate_crl_fetch,
        name="ca_certificate_crl_fetch",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/revocation-list/remove/",
        lists.ca_certificate_crl_remove,
        name="ca_certificate_crl_remove",
    ),
    path("<int:pk>/revoked-certificates/", revocations.revoked_certificates, name="revoked_list"),
    path("<int:pk>/revoked-certificates/revoke-another/", revocations.revoke_unseen, name="revoke_unseen"),
    path(
        "<int:pk>/revoked-certificates/revoke/<slug:thumbprint>/",
        revocations.certificate_revoke,
        name="certificate_revoke",
    ),
    path(
        "<int:pk>/revoked-certificates/<int:revoked>/release/",
        revocations.certificate_release,
        name="certificate_release",
    ),
    path(
        "<int:pk>/revoked-certificates/<int:revoked>/let-in/",
        alarms.certificate_let_in,
        name="certificate_let_in",
    ),
    path(
        "<int:pk>/clients/<client_name:name>/revocation-alarms/<int:alarm>/decide/",
        alarms.client_revocation_alarm,
        name="client_revocation_alarm",
    ),
    path(
        "<int:pk>/clients/<client_name:name>/certificates/",
        clients.client_certificates,
        name="client_certificates",
    ),
    # Registration on first contact
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/first-contact/",
        first_contact.ca_certificate_contact,
        name="ca_certificate_contact",
    ),
    path("<int:pk>/waiting-devices/", first_contact_lists.waiting_devices, name="waiting_devices"),
    path(
        "<int:pk>/waiting-devices/register/",
        first_contact_lists.waiting_devices_register,
        name="waiting_devices_register",
    ),
    path(
        "<int:pk>/waiting-devices/dismiss/",
        first_contact_lists.waiting_devices_dismiss,
        name="waiting_devices_dismiss",
    ),
    path("<int:pk>/blocked-names/", first_contact_lists.blocked_names, name="blocked_names"),
    path(
        "<int:pk>/blocked-names/<int:blocked>/release/",
        first_contact_lists.blocked_name_release,
        name="blocked_name_release",
    ),
    # Who decides
    path("<int:pk>/configuration/authentication/", decision_mode.decision_mode, name="decision_mode"),
    path("<int:pk>/configuration/authentication/state/", decision_mode.decision_mode_state, name="decision_mode_state"),
    path("<int:pk>/configuration/authentication/check/", decision_mode.decision_mode_check, name="decision_mode_check"),
    path(
        "<int:pk>/configuration/authentication/switch/", decision_mode.decision_mode_switch, name="decision_mode_switch"
    ),
    # Test authentication
    path("<int:pk>/test-authentication/", authentication_trace.test_authentication, name="test_authentication"),
    # Expiries
    path("<int:pk>/expiries/", expiries.expiries, name="expiries"),
    path("<int:pk>/expiries/impact/", expiries.expiry_impact, name="expiry_impact"),
    path("<int:pk>/expiries/calendar/", expiries.expiry_feed_make, name="expiry_feed_make"),
    path("<int:pk>/expiries/calendar/revoke/", expiries.expiry_feed_revoke, name="expiry_feed_revoke"),
    path("calendar/<str:secret>.ics", expiries.expiry_feed, name="expiry_feed"),
    # Sample certificates
    path("<int:pk>/sample-certificates/", samples.sample_certificates, name="sample_certificates"),
    path("<int:pk>/sample-certificates/draft/", samples.sample_certificates_draft, name="sample_certificates_draft"),
    path(
        "<int:pk>/sample-certificates/register/",
        samples.sample_certificates_register,
        name="sample_certificates_register",
    ),
]
