from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings
        from django.contrib.auth.signals import user_logged_in

        from portal.deployment.renamed_paths import rename_paths
        from portal.deployment.starting import make_state_folder
        from portal.pages.menu_items import shell_pages
        from portal.registry import register_pages
        from portal.sign_in.session_limits import begin_session

        rename_paths(settings)
        register_pages(shell_pages)
        user_logged_in.connect(begin_session)
        make_state_folder()
