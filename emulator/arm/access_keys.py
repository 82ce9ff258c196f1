"""The two access keys of a namespace and of a namespace topic. They are for publishing over HTTP, which is not emulated.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/namespaces/list-shared-access-keys
"""

import base64
import secrets

from emulator.arm.requests.calls import Call
from emulator.arm.requests.responses import ArmResponse
from emulator.arm.resource_types.fields import Fields
from emulator.storage.resources import Resource, id_key
from emulator.storage.store import Store

KEYS = ("key1", "key2")


class AccessKeys:
    """Lists and renews keys. They are made when they are first asked for, and kept in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list_keys(self, call: Call, holder: Resource) -> ArmResponse:
        """Respond to `POST …/listKeys`. Raise `ArmError` (405)."""
        call.require_method("POST")
        return ArmResponse(200, {name: self._key(holder, name) for name in KEYS})

    def regenerate_key(self, call: Call, holder: Resource) -> ArmResponse:
        """Respond to `POST …/regenerateKey` with `{"keyName": "key1"}`. Raise `ArmError` (400, 405)."""
        call.require_method("POST")
        fields = Fields(call.members(), "")
        name = fields.choice("keyName", KEYS, None)
        if name is None:
            raise fields.error("keyName", "'keyName' is missing. Use one of: key1, key2.")
        self._store.set_setting(_setting_name(holder, name), _new_key())
        return ArmResponse(200, {name: self._key(holder, name) for name in KEYS})

    def _key(self, holder: Resource, name: str) -> str:
        with self._store.transaction():
            found = self._store.setting(_setting_name(holder, name))
            if found is None:
                found = _new_key()
                self._store.set_setting(_setting_name(holder, name), found)
        return found


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _setting_name(holder: Resource, name: str) -> str:
    """Return the name of the setting. A resource that is deleted and recreated has new keys."""
    return f"access-{name} {holder.system_data.get('createdAt', '')} {id_key(holder.id)}"
