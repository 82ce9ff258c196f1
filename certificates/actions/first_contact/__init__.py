"""Registration on first contact: templates, what they register, devices that wait for a person, and blocked names."""
