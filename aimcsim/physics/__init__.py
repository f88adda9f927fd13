"""Published physics: wires of a crossbar, statistics of conductance states."""
