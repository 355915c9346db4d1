"""JAX's primitives and named functions in the operations of the spec, in files named as the families."""
