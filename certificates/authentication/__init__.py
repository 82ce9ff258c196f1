"""The authentication engine: may this certificate connect as this client, and why. Pure."""
