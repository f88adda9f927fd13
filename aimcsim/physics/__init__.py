"""Physics of the parts: wires of a crossbar, converters, statistics of conductance states."""
