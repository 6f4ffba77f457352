from __future__ import annotations

import sys
from pathlib import Path

# The benchmarks belong to the repository and not to the package.
sys.path.insert(0, str(Path(__file__).parents[2]))
