"""HTTP at the MQTT host: publish a message, list and read retained messages."""
