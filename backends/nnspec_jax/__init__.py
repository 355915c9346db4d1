REQUIRES = ("jax", "flax", "optax")
