"""``python -m nnspec``."""

from __future__ import annotations

from nnspec.cli.main import main

if __name__ == "__main__":
    main()
