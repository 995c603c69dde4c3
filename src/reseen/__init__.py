"""Reseen."""
