"""The gate's routes, as documented in /v1/openapi.json."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
