"""Changes: one function per change, the actor first, one transaction each."""
