"""From torch to ONNX: graphs of policies and of gradient steps, without anything about the machine they come from."""
