"""StableHLO programs read as what JAX computes, whose equations become a graph of the spec."""
