"""Life-cycle events of MQTT clients, delivered to webhooks that the operator allows."""
