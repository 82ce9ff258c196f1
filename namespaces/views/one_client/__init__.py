"""Pages of one client beside those that every resource has."""
