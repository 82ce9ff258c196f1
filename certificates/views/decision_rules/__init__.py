"""Views of the rules that Azure does not have."""
