"""The command `reseen`: one verb a file or two, nothing but arguments and printing."""


def main() -> None:
    """Run the command line."""
