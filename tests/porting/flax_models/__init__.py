"""Models as people write them with Flax, most of them after its own examples."""
