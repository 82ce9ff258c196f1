"""The e-mail addresses of the user, and verifying one by a link."""

from typing import Any

from allauth.account.views import ConfirmEmailView, EmailView
from django.http import HttpResponse

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
            response.status_code = 422
        return response

    def logout_other_user(self, confirmation: Any) -> None:
        """Leave a user signed in who opens the link of another account: verifying it changes nothing for them."""
