"""Read certificates: containers, private keys, facts, strength. Pure: no Django, no I/O, no clock."""
