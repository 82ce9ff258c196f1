"""The URLs of the shell: sign-in, account, search, notifications."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.views import (
    account,
    favicon,
    search,
    second_step,
    sessions,
    sign_in,
    styleguide,
    theme,
)
from portal.views.notices import bell, preferences
from portal.views.people.urls import urlpatterns as people_urls

app_name = "portal"
urlpatterns: list[URLPattern] = [
    path("", sign_in.home, name="home"),
    path("favicon.ico", favicon.favicon, name="favicon"),
    # Signing in and out
    path("sign-in/", sign_in.SignIn.as_view(), name="sign_in"),
    path("sign-in/start-over/", second_step.start_over, name="sign_in_start_over"),
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
    *people_urls,
    # The top bar
    path("search/", search.search_page, name="search"),
    path("notifications/", bell.notifications, name="notifications"),
    path("notifications/seen/", bell.notifications_seen, name="notifications_seen"),
    path("notifications/bell/", bell.bell, name="bell"),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", styleguide.styleguide, name="styleguide"))
