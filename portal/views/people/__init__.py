"""The pages about people and teams, for administrators and team leads, and those that links of invitations open."""
