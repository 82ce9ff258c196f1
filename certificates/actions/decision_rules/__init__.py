"""Changes of the rules that Azure does not have. Each is one transaction that checks, saves, and reports to who decides."""
