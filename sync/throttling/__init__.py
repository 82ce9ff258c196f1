"""How fast Azure allows: budgets, budgeted reads, measured throughput."""
