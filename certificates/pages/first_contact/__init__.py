"""What the pages about registration on first contact show."""
