"""One line of what `make bench` and `make bench-peers` say: ours beside a floor or a peer, measured in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Of these less is better; all others are rates, "… a second", of which more is.
COSTS = frozenset({"ms", "statements", "bytes", "rows"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`name` begins with the benchmark that repeats it: `sending: …`. `target` is what `ratio` should at least be."""

    name: str
    ours: float
    other: float
    other_name: str
    unit: str
    target: float | None = None

    def __post_init__(self) -> None:
        if self.unit not in COSTS and not self.unit.endswith("a second"):
            raise ValueError(
                f"{self.name}: is more of {self.unit!r} better? Known are {sorted(COSTS)} and '… a second'"
            )
        if min(self.ours, self.other) <= 0:
            raise ValueError(
                f"{self.name}: {self.ours} against {self.other} {self.unit}: nothing was measured"
            )

    @property
    def ratio(self) -> float:
        """Higher is better, whatever the unit."""
        return self.other / self.ours if self.unit in COSTS else self.ours / self.other

    @property
    def benchmark(self) -> str:
        return self.name.partition(": ")[0]

    @property
    def missed(self) -> bool:
        return self.target is not None and self.ratio < self.target

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ours": figures(self.ours),
            "other": figures(self.other),
            "other_name": self.other_name,
            "unit": self.unit,
            "ratio": figures(self.ratio),
            "target": self.target,
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Comparison:
        return cls(**{name: value for name, value in row.items() if name != "ratio"})


def figures(value: float) -> float:
    """Four of them: more is noise."""
    return float(f"{value:.4g}")
