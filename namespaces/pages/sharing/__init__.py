"""What the pages about ownership and access show."""
