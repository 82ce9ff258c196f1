"""What the pages about the rules that Azure does not have show."""
