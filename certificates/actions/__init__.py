"""Every change to CA certificates, calendar addresses and registered samples: one module for each."""
