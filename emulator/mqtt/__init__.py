"""The MQTT endpoint: wire codec, TLS, sessions, and the listeners, each apart from the others."""
