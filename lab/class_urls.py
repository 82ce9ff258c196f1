"""Pages of classes, below /class/, and /join/ for trainees without an account."""

from django.urls import URLPattern, path

from lab.views import class_changes, classes, joining, looking, seats

app_name = "classes"
urlpatterns: list[URLPattern] = [
    path("join/", joining.join, name="join"),
    path("join/return/", joining.return_to, name="join_return"),
    path("join/ca/<slug:which>.crt", joining.join_ca, name="join_ca"),
    path("class/", classes.class_list, name="class_list"),
    path("class/create/", classes.class_create, name="class_create"),
    path("class/seat/", seats.seat_bar, name="seat_bar"),
    path("class/ask/", seats.seat_ask, name="seat_ask"),
    path("class/ask/end/", seats.seat_ask_end, name="seat_ask_end"),
    path("class/<int:training>/", classes.class_board, name="class_board"),
    path("class/<int:training>/large/", classes.class_large, name="class_large"),
    path("class/<int:training>/report.csv", classes.class_report_csv, name="class_report_csv"),
    path("class/<int:training>/lock/", class_changes.class_lock, name="class_lock"),
    path("class/<int:training>/code/", class_changes.class_code_renew, name="class_code_renew"),
    path("class/<int:training>/tell/", class_changes.class_tell, name="class_tell"),
    path("class/<int:training>/fault/", class_changes.class_fault, name="class_fault"),
    path("class/<int:training>/reset/", class_changes.class_reset, name="class_reset"),
    path("class/<int:training>/end/", class_changes.class_end, name="class_end"),
    path("class/<int:training>/seats/<int:seat>/reset/", class_changes.seat_reset, name="seat_reset"),
    path("class/<int:training>/seats/<int:seat>/helped/", class_changes.seat_helped, name="seat_helped"),
    path("class/<int:training>/seats/<int:seat>/look/", looking.seat_look, name="seat_look"),
    path("class/<int:training>/seats/<int:seat>/screen/", looking.seat_screen, name="seat_screen"),
    path("class/<int:training>/seats/<int:seat>/look/end/", looking.seat_look_end, name="seat_look_end"),
    path("class/<int:training>/seats/<int:seat>/code/", class_changes.seat_code_renew, name="seat_code_renew"),
]
