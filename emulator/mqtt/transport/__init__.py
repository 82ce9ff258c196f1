"""TLS and WebSocket."""
