"""One protocol for methods that recognise adapters: edited files, asked of a registry."""
