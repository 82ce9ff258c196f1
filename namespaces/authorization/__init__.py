"""Topics, topic templates, client group queries, and who may publish or subscribe. Pure."""
