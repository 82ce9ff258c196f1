"""Devices in the browser: MQTT clients that a process of its own runs for people, and the portal's side of them."""
