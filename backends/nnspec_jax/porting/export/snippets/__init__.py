"""What Flax lacks, as it is copied into exported files: JAX and Flax alone."""
