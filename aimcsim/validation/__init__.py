"""Every law of the devices and wires, simulated, against what is published about it."""
