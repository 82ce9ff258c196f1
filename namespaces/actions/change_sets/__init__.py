"""Request, approve and apply change sets, and change the policy that asks for them."""
