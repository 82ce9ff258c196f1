"""A token of the portal's own identity for another application than ARM."""

from azure.core.exceptions import AzureError

from sync.arm.credentials import make_credential

SCOPE = "/.default"


class NoTokenError(Exception):
    """No token was issued for this audience. The message is the reason, for people."""


def token_for(audience: str) -> str:
    """Return a token of the portal's identity for an application's URI or client id. Raise NoTokenError.

    The credential is a new one each time, since its cache would keep a token from before the application was set up.
    """
    scope = audience if audience.endswith(SCOPE) else f"{audience}{SCOPE}"
    try:
        return str(make_credential().get_token(scope).token)
    except AzureError as fault:
        raise NoTokenError(fault.message.partition("\n")[0][:300]) from None
    except (ValueError, OSError) as fault:
        raise NoTokenError(f"the portal's credential cannot be used: {fault}"[:300]) from None
