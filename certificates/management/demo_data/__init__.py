"""What `manage.py fill_demo` puts into the namespace contoso-plant."""
