"""Pages of the lab, below /lab/."""

from django.urls import URLPattern, path

from lab.views import devices, pages, shared_attempts, steps

app_name = "lab"
urlpatterns: list[URLPattern] = [
    # Devices in the browser
    path("<int:pk>/devices/", devices.device_list, name="device_list"),
    path("<int:pk>/devices/create/", devices.device_create, name="device_create"),
    path("<int:pk>/devices/<int:device>/", devices.device_detail, name="device_detail"),
    path("<int:pk>/devices/<int:device>/live/", devices.device_live, name="device_live"),
    path("<int:pk>/devices/<int:device>/connect/", devices.device_connect, name="device_connect"),
    path("<int:pk>/devices/<int:device>/disconnect/", devices.device_disconnect, name="device_disconnect"),
    path("<int:pk>/devices/<int:device>/publish/", devices.device_publish, name="device_publish"),
    path("<int:pk>/devices/<int:device>/subscribe/", devices.device_subscribe, name="device_subscribe"),
    path("<int:pk>/devices/<int:device>/unsubscribe/", devices.device_unsubscribe, name="device_unsubscribe"),
    path("<int:pk>/devices/<int:device>/end/", devices.device_end, name="device_end"),
    path("<int:pk>/devices/<int:device>/<slug:which>.crt", devices.device_certificate, name="device_certificate"),
    # Shared attempts
    path("<int:pk>/attempts/<int:cursor>/share/", shared_attempts.share, name="share"),
    path("<int:pk>/shared-attempts/", shared_attempts.shared_list, name="shared_list"),
    path("<int:pk>/shared-attempts/public/", shared_attempts.shared_public, name="shared_public"),
    path("<int:pk>/shared-attempts/<int:shared>/revoke/", shared_attempts.shared_revoke, name="shared_revoke"),
    path("shared/<str:secret>/", shared_attempts.shared_attempt, name="shared_attempt"),
    path("shared/<str:secret>/attempt.json", shared_attempts.shared_file, name="shared_file"),
    path("shared/<str:secret>/case.json", shared_attempts.shared_case, name="shared_case"),
    # The lab
    path("", pages.home, name="home"),
    path("in/<int:pk>/", pages.place, name="place"),
    path("exercise/", pages.exercise, name="exercise"),
    path("exercise/watch/", steps.watch, name="watch"),
    path("exercise/hint/", steps.hint, name="hint"),
    path("exercise/skip/", steps.skip, name="skip"),
    path("exercise/show-me/", steps.show, name="show"),
    path("exercise/start-over/", steps.again, name="again"),
    path("panel/fold/", steps.fold, name="fold"),
    path("panel/close/", steps.close, name="close"),
    path("begin/<slug:slug>/", steps.begin, name="begin"),
]
