"""Reads an ONNX file in pure Python, and reports what in it cannot be trusted."""
