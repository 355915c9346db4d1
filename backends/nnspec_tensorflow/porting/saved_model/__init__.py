"""SavedModels and ``tf.function``s, read through the StableHLO that TensorFlow compiles them to."""
