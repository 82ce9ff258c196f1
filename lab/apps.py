from django.apps import AppConfig


class LabConfig(AppConfig):
    name = "lab"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from lab.actions.devices import end_devices_of
        from lab.actions.exercises.observing import note
        from lab.actions.shared_attempts import end_shared_attempts
        from lab.devices.control import has_devices
        from lab.menu import DEVICE, HOME, LAB, SHARE_URL, SHARED
        from lab.pages import class_list, seat_bar
        from lab.pages.panel import beside_pages
        from lab.places import has_lab
        from namespaces.registry import register_attempt_page, register_device_page
        from portal.observations import register_observer
        from portal.pages.side_panel import register_side_panel
        from portal.registry import (
            register_menu_item,
            register_person_ending,
            register_shell_bar,
            register_shell_item,
        )

        register_shell_item(HOME)
        register_shell_item(class_list.HOME)
        register_shell_bar(seat_bar.bar_on_page)
        register_observer(note)
        register_side_panel(beside_pages)
        register_person_ending(end_devices_of)
        register_person_ending(end_shared_attempts)
        register_menu_item(SHARED)
        register_attempt_page(SHARE_URL)
        if has_lab():
            register_menu_item(LAB)
        if has_devices():
            register_menu_item(DEVICE)
            register_device_page(DEVICE.url_name)
