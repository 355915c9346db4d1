"""StableHLO programs as plain data: what the layer of that name holds, whoever runs it."""
