"""People, teams and invitations: every change of them, by administrators, team leads and the people themselves.

Each change is one durable transaction that reads the actor again, and an entry in the activity log with before and after.
"""
