"""A plant for the benchmark of blast radius."""
