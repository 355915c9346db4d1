REQUIRES = ("tensorflow", "keras")
