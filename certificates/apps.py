from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "certificates"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from certificates import menu
        from certificates.actions.ca_changes import CA_CERTIFICATE
        from certificates.actions.calendar_feeds import end_calendar_feeds
        from certificates.actions.decision_rules.alarm_decisions import settle_undecided_here
        from certificates.actions.decision_rules.handing_over import hand_over_rules
        from certificates.actions.decision_rules.kinds import RULE_KINDS
        from certificates.actions.decision_rules.let_in import note_let_in
        from certificates.actions.first_contact.blocks import note_changed_clients
        from certificates.actions.first_contact.kinds import FIRST_CONTACT_KINDS
        from certificates.actions.first_contact.templates import TEMPLATE_KIND
        from certificates.actions.rollovers import remind_by_clock, successions
        from certificates.models import CACertificate, next_expiries
        from certificates.notices.expiries import announce_expiries
        from certificates.notices.lists import announce_stale_lists
        from certificates.pages.authentication_trace import trusted_cas
        from certificates.pages.ca_certificate_list import uploaded_cas
        from certificates.pages.change_sets import certificate_fields, change_set_parts, template_fields
        from certificates.pages.decision_rules.ca_revocation import found_revocation
        from certificates.pages.decision_rules.let_in import open_let_in_by_namespace
        from certificates.reach.conditions import in_reach_of
        from certificates.reach.counting import clients_by_team
        from certificates.reach.pins import pinned_keys
        from namespaces.actions.change_sets.other_kinds import team_change_of
        from namespaces.control.kinds import register_kind
        from namespaces.control.reach import register_reach
        from namespaces.registry import (
            register_attempt_watch,
            register_ca_certificates,
            register_change_fields,
            register_change_set_parts,
            register_chosen_issuers,
            register_let_in_count,
            register_reach_filter,
            register_revocations,
            register_successions,
        )
        from portal.registry import (
            register_actions,
            register_menu_item,
            register_notice_producer,
            register_person_ending,
            register_search,
            register_shell_item,
        )
        from sync import registry

        registry.register(CACertificate, next_expiries=next_expiries)
        registry.register_change_observer(note_changed_clients)
        registry.register_change_observer(hand_over_rules)
        registry.register_change_observer(settle_undecided_here)
        register_ca_certificates(uploaded_cas, trusted_cas)
        for kind in (CA_CERTIFICATE, team_change_of(CA_CERTIFICATE), *RULE_KINDS, *FIRST_CONTACT_KINDS):
            register_kind(kind)
        register_reach(clients_by_team)
        register_change_fields(CA_CERTIFICATE.code, certificate_fields)
        register_change_fields(TEMPLATE_KIND, template_fields)
        register_change_set_parts(change_set_parts)
        register_reach_filter(in_reach_of)
        register_successions(successions)
        register_chosen_issuers(pinned_keys)
        register_attempt_watch(note_let_in)
        register_revocations(found_revocation)
        register_let_in_count(open_let_in_by_namespace)
        register_shell_item(menu.HOME)
        for item in menu.MENU:
            register_menu_item(item)
        register_notice_producer(announce_expiries)
        register_notice_producer(remind_by_clock)
        register_notice_producer(announce_stale_lists)
        register_person_ending(end_calendar_feeds)
        register_search(menu.search_ca_certificates)
        register_actions(menu.actions)
