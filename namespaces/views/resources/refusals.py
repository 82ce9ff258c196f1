"""Report refused forms, which store nothing, to the apps that want to know of them."""

from typing import Any

from namespaces.forms.base import GuardedForm
from portal.models import User
from portal.observations import Observation, observe


def observe_refusal(user: User, namespace_pk: int, form: GuardedForm) -> None:
    """Report each reason for which a form was refused. A form that takes a certificate says what it read."""
    about: dict[str, Any] = getattr(form, "observed", {})
    kind = "upload" if about else "form"
    codes = [error.code or "" for errors in form.errors.as_data().values() for error in errors]
    for code in dict.fromkeys(filter(None, codes)):
        observe(user, namespace_pk, Observation(kind, code, **about))
