from django.urls import URLPattern, path

from certificates.views import authentication_test, ca_certificates, expiries, samples
from namespaces import converters  # noqa: F401 - registers the names' converters

app_name = "certificates"
urlpatterns: list[URLPattern] = [
    # CA certificates
    path("<int:pk>/ca-certificates/", ca_certificates.ca_certificate_list, name="ca_certificate_list"),
    path("<int:pk>/ca-certificates.csv", ca_certificates.ca_certificate_csv, name="ca_certificate_csv"),
    path("<int:pk>/ca-certificate-states/", ca_certificates.ca_certificate_states, name="ca_certificate_states"),
    path("<int:pk>/upload-certificate/", ca_certificates.ca_certificate_upload, name="ca_certificate_upload"),
    path(
        "<int:pk>/upload-certificate/check-name/",
        ca_certificates.ca_certificate_check_name,
        name="ca_certificate_check_name",
    ),
    path(
        "<int:pk>/upload-certificate/check-file/",
        ca_certificates.ca_certificate_check_file,
        name="ca_certificate_check_file",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/",
        ca_certificates.ca_certificate_detail,
        name="ca_certificate_detail",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/clients/",
        ca_certificates.ca_certificate_clients,
        name="ca_certificate_clients",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/activity/",
        ca_certificates.ca_certificate_activity,
        name="ca_certificate_activity",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/json/",
        ca_certificates.ca_certificate_json,
        name="ca_certificate_json",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/commands/",
        ca_certificates.ca_certificate_commands,
        name="ca_certificate_commands",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/pem/",
        ca_certificates.ca_certificate_pem,
        name="ca_certificate_pem",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/update/",
        ca_certificates.ca_certificate_update,
        name="ca_certificate_update",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/delete/",
        ca_certificates.ca_certificate_delete,
        name="ca_certificate_delete",
    ),
    path(
        "<int:pk>/ca-certificates/<resource_name:name>/retry/",
        ca_certificates.ca_certificate_retry,
        name="ca_certificate_retry",
    ),
    # Test authentication
    path("<int:pk>/test-authentication/", authentication_test.test_authentication, name="test_authentication"),
    # Expiries
    path("<int:pk>/expiries/", expiries.expiries, name="expiries"),
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
