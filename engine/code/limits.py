"""What one code block may use: time, memory, text, threads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CodeLimits:
    """Limits of one block; all of them are settings. There are never processes, files or network."""

    cpu_s: int = 30
    wall_s: float = 60.0
    memory_mb: int = 512
    print_bytes: int = 1 << 20
    output_bytes: int = 10 << 20
    threads: int = 64

    @property
    def memory_bytes(self) -> int:
        """`memory_mb` in bytes."""
        return self.memory_mb << 20
