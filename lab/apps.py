from django.apps import AppConfig


class LabConfig(AppConfig):
    name = "lab"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from lab.pages import class_list, seat_bar
        from portal.registry import register_shell_bar, register_shell_item

        register_shell_item(class_list.HOME)
        register_shell_bar(seat_bar.bar_of)
