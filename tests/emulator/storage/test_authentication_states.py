"""The cached clients of a namespace and their index are updated by every change."""

import random

from certificates.authentication.client_index import ClientIndex
from emulator.storage.resources import CLIENT, NAMESPACE, Resource
from emulator.storage.store import Store

GROUP = "/subscriptions/s/resourceGroups/g"
ID = f"{GROUP}/providers/Microsoft.EventGrid/namespaces/plant"


def make_client(number: int, thumbprints: list[str]) -> Resource:
    authentication = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": thumbprints}
    properties = {"authenticationName": f"192.0.2.{number}", "clientCertificateAuthentication": authentication}
    name = f"press-{number}"
    return Resource(f"{ID}/clients/{name}", CLIENT, name, {"properties": properties}, unique_key=f"192.0.2.{number}")


def test_the_index_is_correct_after_every_change() -> None:
    store, chance = Store(None), random.Random(7)
    store.put(Resource(ID, NAMESPACE, "plant", {"properties": {}}))
    state = store.authentication_state(ID)
    for _ in range(200):
        client = make_client(chance.randint(1, 5), chance.sample(["1" * 64, "2" * 64, "3" * 64], chance.randint(0, 2)))
        if chance.random() < 0.6:
            store.put(client)
        else:
            store.delete(client.id)
        assert state.index == ClientIndex.of(dict(state.clients))
    store.close()
