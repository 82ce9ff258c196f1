"""The pages that all resource types share, and what a type defines for them."""
