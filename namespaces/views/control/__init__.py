"""Views of change sets and of the policy that asks for them."""
