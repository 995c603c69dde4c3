"""What PEFT writes beside or into a file: rank, alpha, and how they make the scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PeftConfig:
    """The fields of a PEFT configuration that decide ΔW."""

    kind: str = "LORA"
    """PEFT's `peft_type`."""
    rank: int | None = None
    alpha: float | None = None
    rslora: bool = False
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    """Literal name endings only."""
    unreadable_patterns: int = 0
    """Patterns that are regular expressions: never run."""


def parse_config(data: bytes) -> PeftConfig:
    """Read an adapter_config.json. Raises Malformed or TooLarge."""
    raise NotImplementedError
