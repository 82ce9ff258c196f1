"""Private keys in the formats of many tools: their marks, and how each writes one."""
