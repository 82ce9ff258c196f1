"""What is known of the devices that connect, beyond the capped connection log."""
