"""The emulator's store: resources, authentication states, the connection log."""
