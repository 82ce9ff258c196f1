from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from portal.registry import (
            register_administrator_warnings,
            register_deployment_check,
            register_menu_item,
            register_pages,
        )
        from sync.pages.menu import EMULATOR, MENU
        from sync.pages.overview import pages_of_all
        from sync.pages.readiness import deployment_check, warnings_for_administrators
        from sync.self_check import azure_deployment_check

        for item in MENU:
            register_menu_item(item)
        if settings.FAULT_CONTROL_GATEWAY:
            register_menu_item(EMULATOR)
        register_pages(pages_of_all)
        register_administrator_warnings(warnings_for_administrators)
        register_deployment_check(deployment_check)
        register_deployment_check(azure_deployment_check)
