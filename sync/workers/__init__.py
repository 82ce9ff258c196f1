"""Workers: heartbeats, leases for periodic jobs, their last runs, and wake-ups."""
