"""Pure rules of approval: no Django, no input or output."""
