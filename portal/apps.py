from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.account.signals import email_removed
        from allauth.mfa import signals
        from django.conf import settings
        from django.contrib.auth.signals import user_logged_in

        from portal.deployment.renamed_paths import rename_paths
        from portal.deployment.starting import make_state_folder
        from portal.notifications import checks
        from portal.notifications.menu import HOME as OUTGOING
        from portal.pages.menu_items import shell_pages
        from portal.people.menu import HOME
        from portal.registry import (
            register_administrator_warnings,
            register_deployment_check,
            register_pages,
            register_shell_item,
        )
        from portal.sign_in import records, second_step
        from portal.sign_in.session_limits import begin_session
        from portal.single_sign_on.checks import single_sign_on

        rename_paths(settings)
        register_pages(shell_pages)
        register_deployment_check(checks.outgoing)
        register_administrator_warnings(checks.warnings_for_administrators)
        register_deployment_check(single_sign_on)
        for item in (*HOME, *OUTGOING):
            register_shell_item(item)
        user_logged_in.connect(begin_session)
        email_removed.connect(records.on_email_removed)
        signals.authenticator_added.connect(second_step.on_added)
        signals.authenticator_reset.connect(second_step.on_reset)
        signals.authenticator_removed.connect(second_step.on_removed)
        signals.authenticator_used.connect(second_step.on_used)
        make_state_folder()
