"""Run the provider: `python -m portal.demo.identity_provider --state FOLDER --fd LISTENER`.

The folder has `clients.json`, the applications that may use it, and `passwords.json`, its users' passwords. The signing key,
the secret key and the database are created in it once.
"""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portal.demo.supervisor import write_private

SETTINGS = "portal.demo.identity_provider.settings"
SCOPES = ("openid", "profile", "email", "User.Read")


def prepare(state: Path) -> None:
    """Create keys, tables, users and clients that are missing, and bring the clients up to date."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (state / "secret-key").exists():
        write_private(state / "secret-key", secrets.token_urlsafe(50))
    if not (state / "signing-key.pem").exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(state / "signing-key.pem", pem.decode("ascii"))
    os.environ["IDENTITY_PROVIDER_STATE"] = str(state)
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)

    from portal.demo.identity_provider.people import seed_people

    seed_people(json.loads((state / "passwords.json").read_text(encoding="utf-8")))
    for client in json.loads((state / "clients.json").read_text(encoding="utf-8")):
        _register(client)


def _register(client: dict[str, Any]) -> None:
    """Register an application: id, secret, redirect URIs, and where its tokens have the groups."""
    from allauth.idp.oidc.models import Client

    row = Client._default_manager.filter(pk=client["id"]).first() or Client(pk=client["id"])
    row.name = client.get("name", client["id"])
    row.set_secret(client["secret"])
    row.set_redirect_uris(client["redirect_uris"])
    row.set_scopes(list(SCOPES))
    row.skip_consent = True
    row.data = {"groups_in": client.get("groups_in", "id_token")}
    row.save()


def main() -> None:
    parser = argparse.ArgumentParser(prog="identity_provider")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True, help="a listening socket")
    options = parser.parse_args()
    prepare(options.state)

    from django.db import connections
    from gunicorn.app.wsgiapp import run

    connections.close_all()
    sys.argv = [
        *("gunicorn", "portal.demo.identity_provider.wsgi:application", f"--bind=fd://{options.fd}"),
        *("--worker-class=gthread", "--workers=1", "--threads=8", "--graceful-timeout=2", "--no-control-socket"),
    ]
    run()


if __name__ == "__main__":
    main()
