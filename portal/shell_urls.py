"""The URLs of the shell: sign-in, account, search, notifications."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.views import (
    account,
    favicon,
    help_page,
    search,
    second_step,
    session_end,
    sessions,
    sign_in,
    single_sign_on,
    styleguide,
    theme,
)
from portal.views.notices import bell, export_progress, outbox, preferences, webhooks
from portal.views.people.urls import urlpatterns as people_urls

app_name = "portal"
urlpatterns: list[URLPattern] = [
    path("", sign_in.home, name="home"),
    path("favicon.ico", favicon.favicon, name="favicon"),
    # Signing in and out
    path("sign-in/", sign_in.SignIn.as_view(), name="sign_in"),
    path("sign-in/demo/", sign_in.DemoSignIn.as_view(), name="demo_sign_in"),
    path("sign-in/start-over/", second_step.start_over, name="sign_in_start_over"),
    path("sign-in/sso/", single_sign_on.start, name="sso_start"),
    path("sign-in/sso/callback/", single_sign_on.callback, name="sso_callback"),
    path("session/", session_end.session_state, name="session_state"),
    path("session/signed-in/", session_end.signed_in_again, name="signed_in_again"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    # The user
    path("account/", account.account, name="account"),
    path("account/password/", account.password_change, name="password_change"),
    path("account/sessions/", sessions.session_list, name="sessions"),
    path("account/sessions/<int:session>/end/", sessions.session_end, name="session_end"),
    path("account/sessions/sign-out-everywhere/", sessions.sign_out_everywhere, name="sign_out_everywhere"),
    path("account/notifications/", preferences.notification_preferences, name="notification_preferences"),
    path(
        "account/notifications/teams/<int:team>/",
        preferences.team_notifications,
        name="team_notifications",
    ),
    path("theme/", theme.theme, name="theme"),
    # Administration
    path("outbox/", outbox.outbox_list, name="outbox_list"),
    path("outbox/<int:mail>/retry/", outbox.outbox_retry, name="outbox_retry"),
    path("outbox/<int:mail>/cancel/", outbox.outbox_cancel, name="outbox_cancel"),
    path("webhooks/", webhooks.webhook_list, name="webhook_list"),
    path("webhooks/create/", webhooks.webhook_create, name="webhook_create"),
    path("webhooks/<int:webhook>/", webhooks.webhook_detail, name="webhook_detail"),
    path("webhooks/<int:webhook>/update/", webhooks.webhook_update, name="webhook_update"),
    path("webhooks/<int:webhook>/rotate/", webhooks.webhook_rotate, name="webhook_rotate"),
    path("webhooks/<int:webhook>/test/", webhooks.webhook_test, name="webhook_test"),
    path("webhooks/<int:webhook>/delete/", webhooks.webhook_delete, name="webhook_delete"),
    path("webhooks/<int:webhook>/deliveries/<int:delivery>/retry/", webhooks.delivery_retry, name="delivery_retry"),
    *people_urls,
    # The top bar
    path("help/", help_page.help_page, name="help"),
    path("search/", search.search_page, name="search"),
    path("notifications/", bell.notifications, name="notifications"),
    path("notifications/seen/", bell.notifications_seen, name="notifications_seen"),
    path("notifications/bell/", bell.bell, name="bell"),
    path("exports/<slug:token>/", export_progress.export_progress, name="export_progress"),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", styleguide.styleguide, name="styleguide"))
