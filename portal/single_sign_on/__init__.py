"""Single sign-on by OpenID Connect, Entra ID first (docs/adr/0008-single-sign-on.md)."""
