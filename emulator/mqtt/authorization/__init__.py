"""Authorization: which client may publish and subscribe to which topic."""
