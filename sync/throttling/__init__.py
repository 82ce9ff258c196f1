"""Staying within Azure's request limits: budgets, budgeted reads, measured throughput."""
