"""ActiveFaults on demand, and the control API that injects them."""
