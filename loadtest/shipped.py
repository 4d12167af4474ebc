"""The speech that comes with Sotto: in the source tree, or in the installed package."""

from pathlib import Path

_TREE = Path(__file__).parents[1] / "tests" / "data"
_PACKAGE = Path(__file__).parent / "speech"  # where a wheel has it
SPEECH = _PACKAGE if _PACKAGE.is_dir() else _TREE
DEMO = SPEECH / "demo.flac"
MANIFEST = SPEECH / "manifest.jsonl"
