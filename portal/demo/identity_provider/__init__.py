"""An identity provider for the demo and the tests: a Django project of its own, on `allauth.idp.oidc`.

It plays Entra ID: groups are named by object IDs, a user of more than 200 groups gets none in the token, and a small Microsoft
Graph lists them. It has its own database, signing key and users. It is not for production, and its extra `idp-oidc` of
django-allauth is not installed there.
"""
