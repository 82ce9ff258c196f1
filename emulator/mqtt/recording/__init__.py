"""Record in the connection log what happened to a connection."""
