"""gameagent: meta-train game agents on procedurally generated variants and export them to ONNX."""

__version__ = "0.1.0"
__all__ = ["__version__"]
