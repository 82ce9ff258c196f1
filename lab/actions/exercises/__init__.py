"""Changes of exercises: begin, watch, show, start over, and the wrong turns that are noted."""
