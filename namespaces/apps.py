from django.apps import AppConfig


class NamespacesConfig(AppConfig):
    name = "namespaces"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from namespaces.access import held_roles, visible_scopes
        from namespaces.actions.change_sets.lead_kind import LEAD, check_lead, why_not_joined
        from namespaces.actions.change_sets.other_kinds import POLICY, POSSESSION, ROLE, team_change_of
        from namespaces.actions.change_sets.row_kinds import CLIENT, CONFIGURATION
        from namespaces.actions.role_book import NamespaceRoles, uses_of_team
        from namespaces.connections.log_import import ConnectionIntake
        from namespaces.control.former_thumbprints import note_deleted_clients
        from namespaces.control.gate import check_row
        from namespaces.control.held_rows import rows_held
        from namespaces.control.kinds import register_kind
        from namespaces.decision_changes import note_changed_rows
        from namespaces.models import Client, ClientGroup, NamespaceConfiguration, PermissionBinding, TopicSpace
        from namespaces.pages import menu, search
        from namespaces.pages.control.change_set_list import bell_line
        from namespaces.pages.control.emergencies import emergency_bar
        from namespaces.pages.history import pages_of
        from namespaces.places import NamespacePlaces
        from namespaces.reachability import note_reachability
        from namespaces.scopes import NamespaceScopes
        from portal.registry import (
            register_actions,
            register_activity_pages,
            register_activity_scope,
            register_bell_line,
            register_join_check,
            register_lead_check,
            register_menu_item,
            register_pages,
            register_places,
            register_role_book,
            register_roles,
            register_search,
            register_shell_bar,
            register_shell_item,
            register_team_uses,
        )
        from sync import control, registry

        for model in (Client, ClientGroup, TopicSpace, PermissionBinding, NamespaceConfiguration):
            registry.register(model)
        control.register_gate(check_row)
        control.register_hold(rows_held)
        for kind in (CLIENT, team_change_of(CLIENT), CONFIGURATION, ROLE, POLICY, POSSESSION, LEAD):
            register_kind(kind)
        registry.register_scopes(NamespaceScopes())
        registry.register_connection_store(ConnectionIntake())
        registry.register_reachability_observer(note_reachability)
        registry.register_change_observer(note_changed_rows)
        registry.register_change_observer(note_deleted_clients)
        register_activity_scope(visible_scopes)
        register_activity_pages(pages_of)
        register_lead_check(check_lead)
        register_join_check(why_not_joined)
        register_places(NamespacePlaces())
        register_roles(held_roles)
        register_role_book(NamespaceRoles())
        register_team_uses(uses_of_team)
        register_shell_bar(emergency_bar)
        register_bell_line(bell_line)
        register_shell_item(menu.HOME)
        for item in menu.MENU:
            register_menu_item(item)
        register_pages(search.pages)
        register_actions(search.actions)
        register_search(search.search_namespaces)
        register_search(search.search_clients)
        register_search(search.search_topic_rules)
        register_search(search.search_shown_certificates)
