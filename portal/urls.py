"""The site map."""

from django.urls import include, path

from portal.views import email_addresses, password_reset, second_step, sign_in

urlpatterns = [
    # Names that django-allauth looks for. What is missing here, such as its sign-up, does not exist.
    path("sign-in/", sign_in.SignIn.as_view(), name="account_login"),
    path("sign-in/code/", second_step.CodePage.as_view(), name="mfa_authenticate"),
    path("sign-in/reset/", password_reset.AskForReset.as_view(), name="account_reset_password"),
    path("sign-in/reset/sent/", password_reset.ResetAsked.as_view(), name="account_reset_password_done"),
    path("sign-in/reset/done/", password_reset.PasswordWasReset.as_view(), name="account_reset_password_from_key_done"),
    path(
        "sign-in/reset/<slug:uidb36>/<str:key>/",
        password_reset.ResetPassword.as_view(),
        name="account_reset_password_from_key",
    ),
    path("account/email/", email_addresses.EmailAddresses.as_view(), name="account_email"),
    path("account/email/verify/<str:key>/", email_addresses.VerifyAddress.as_view(), name="account_confirm_email"),
    path("account/confirm/", second_step.ConfirmPassword.as_view(), name="account_reauthenticate"),
    path("account/confirm/code/", second_step.ConfirmCode.as_view(), name="mfa_reauthenticate"),
    path("account/two-step/", second_step.SecondStep.as_view(), name="mfa_index"),
    path("account/two-step/app/", second_step.AddApp.as_view(), name="mfa_activate_totp"),
    path("account/two-step/app/remove/", second_step.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("account/two-step/codes/", second_step.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("account/two-step/codes/new/", second_step.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("account/two-step/codes/file/", second_step.RecoveryCodesFile.as_view(), name="mfa_download_recovery_codes"),
    path("", include("portal.shell_urls")),
    path("", include("certificates.urls.home")),
    path("namespaces/", include("namespaces.urls")),
    path("namespaces/", include("certificates.urls")),
    path("lab/", include("lab.urls")),
    path("", include("lab.class_urls")),
    path("", include("sync.urls")),
]

handler400 = "portal.views.errors.bad_request"
handler403 = "portal.views.errors.permission_denied"
handler404 = "portal.views.errors.page_not_found"
handler429 = "portal.views.errors.too_many_requests"  # for django-allauth
handler500 = "portal.views.errors.server_error"
