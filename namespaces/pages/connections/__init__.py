"""What the Connections pages show: attempts, and refused publishes and subscribes."""
