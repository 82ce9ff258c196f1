"""Event subscriptions of a namespace: the extension type `Microsoft.EventGrid/eventSubscriptions`."""
