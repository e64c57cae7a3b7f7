"""Reads an ONNX file in pure Python, and says what in it is not to be trusted."""
