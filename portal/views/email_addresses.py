"""The e-mail addresses of the user, and verifying one by a link."""

from typing import Any

from allauth.account.views import ConfirmEmailView, EmailView
from django.http import Http404, HttpResponse

from portal.sign_in import records
from portal.sign_in.forms import AddAddressForm
from portal.views.second_step import ManagedHereMixin, RejectedMixin


class EmailAddresses(ManagedHereMixin, RejectedMixin, EmailView):
    form_class = AddAddressForm
    template_name = "account/email.html"


class VerifyAddress(ConfirmEmailView):
    """Opening the link only asks: a program that follows links verifies nothing."""

    def get(self, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().get(*args, **kwargs)
        if self.object is None:
            records.note_refused_mail_link(self.request, "verify")
            response.status_code = 422
        return response

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().post(*args, **kwargs)
        except Http404:  # it expired after it was opened
            return self.get(*args, **kwargs)
        return response

    def logout_other_user(self, confirmation: Any) -> None:
        """Leave a user signed in who opens the link of another account: verifying it changes nothing for them."""
