"""The image's health check: whether the service in this container says that it lives."""

import sys
import urllib.request

try:
    with urllib.request.urlopen("http://127.0.0.1:8321/health", timeout=4) as answer:
        sys.exit(answer.status != 200)
except OSError:
    sys.exit(1)
