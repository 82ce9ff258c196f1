"""The rules for each resource's fields. Forms, actions and imports share them."""
