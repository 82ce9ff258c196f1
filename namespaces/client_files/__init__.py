"""Read clients from files that people bring: certificates, archives, tables and JSON. Pure: no Django, no I/O, no clock."""
