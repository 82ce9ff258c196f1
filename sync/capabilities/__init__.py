"""What only some targets offer: connection log, live state, faults for training."""
