"""The network for programs that have no PyTorch code: torch.export, ONNX, and running ONNX."""
