"""Stop the network thread of a paho client."""

from contextlib import suppress

from paho.mqtt.client import Client


def stop_loop(client: Client) -> None:
    """Stop the thread, also while it is ending by itself.

    paho 2.1 reads its own reference to the thread twice, and a thread whose connection has ended clears it in between: then
    nothing is left to stop.
    """
    with suppress(AttributeError):
        client.loop_stop()
