"""The URLs about people and teams, part of those of the shell."""

from django.urls import URLPattern, path

from portal.views.people import changes, invitations, joining, people, teams

urlpatterns: list[URLPattern] = [
    path("people/", people.person_list, name="person_list"),
    path("people.csv", people.person_csv, name="person_csv"),
    path("people.<file_ending:ending>", people.person_export, name="person_export"),
    path("people/invite/", invitations.invite, name="invite"),
    path("people/create/", people.person_create, name="person_create"),
    path("people/<int:person>/", people.person_detail, name="person_detail"),
    path("people/<int:person>/edit/", people.person_update, name="person_update"),
    path("people/<int:person>/give-role/", people.person_give_role, name="person_give_role"),
    path("people/<int:person>/disable/", changes.person_disable, name="person_disable"),
    path("people/<int:person>/enable/", changes.person_enable, name="person_enable"),
    path("people/<int:person>/make-administrator/", changes.person_promote, name="person_promote"),
    path("people/<int:person>/remove-administrator/", changes.person_demote, name="person_demote"),
    path("people/<int:person>/sign-out/", changes.person_sign_out, name="person_sign_out"),
    path("people/<int:person>/password-link/", changes.person_password_link, name="person_password_link"),
    path("people/<int:person>/reset-two-step/", changes.person_reset_second_step, name="person_reset_second_step"),
    path("people/invitations/<int:invitation>/", invitations.invitation_detail, name="invitation_detail"),
    path("people/invitations/<int:invitation>/renew/", invitations.invitation_renew, name="invitation_renew"),
    path("people/invitations/<int:invitation>/revoke/", invitations.invitation_revoke, name="invitation_revoke"),
    path("teams/", teams.team_list, name="team_list"),
    path("teams/create/", teams.team_create, name="team_create"),
    path("teams/<int:team>/", teams.team_detail, name="team_detail"),
    path("teams/<int:team>/rename/", teams.team_rename, name="team_rename"),
    path("teams/<int:team>/delete/", teams.team_delete, name="team_delete"),
    path("teams/<int:team>/invite/", invitations.team_invite, name="team_invite"),
    path("teams/<int:team>/add-member/", teams.team_member_add, name="team_member_add"),
    path("teams/<int:team>/add-member/find/", teams.team_member_find, name="team_member_find"),
    path("teams/<int:team>/members/<int:person>/remove/", teams.team_member_remove, name="team_member_remove"),
    path("teams/<int:team>/members/<int:person>/lead/", teams.team_member_lead, name="team_member_lead"),
    # What a link opens
    path("sign-in/link/", joining.link_open, name="link_open"),
    path("sign-in/link/<str:secret>/", joining.link, name="link"),
]
