"""What the home page shows, over every namespace that a person sees, with as many queries as for one."""
