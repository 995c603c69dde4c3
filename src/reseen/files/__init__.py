"""Readers of model files: bytes in, named tensors and metadata out, executing nothing."""
