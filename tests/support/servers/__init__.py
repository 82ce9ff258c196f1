"""Real servers and the connections to them."""
