"""The spec in ONNX's operators: one function for each class, in files named as the families."""
