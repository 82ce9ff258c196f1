"""MQTT connections: from the first byte through CONNECT to the end."""
