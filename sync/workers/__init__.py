"""Workers: heartbeats, leases of periodic jobs, wake-ups."""
