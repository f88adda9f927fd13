"""A chip as hardware shows itself: devices, converters, ports, ledger, drift."""
