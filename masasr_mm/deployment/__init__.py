"""The network for programs without PyTorch code: writing it in other formats, and running those."""
