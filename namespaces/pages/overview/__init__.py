"""What the Overview of a namespace shows: needs, figures and charts."""
