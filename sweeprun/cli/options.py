"""What several commands take, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(metavar="FILE", help="The sweep file.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="Change a key: --set budget.trials=50")]

SlotLimit = Annotated[int | None, typer.Option("--slots", min=1, help="Most trials at once from this worker.")]
Gpus = Annotated[str | None, typer.Option("--gpus", help="Use only these devices: 0,1")]
Trust = Annotated[bool, typer.Option("--trust", help="Run the commands of a directory that somebody else owns.")]
Require = Annotated[str | None, typer.Option("--require", help="Exit 1 unless the best meets it: 'val_acc>=0.97'")]
Timeout = Annotated[str | None, typer.Option("--timeout", help="Stop after so long, resumable: 2h. Exit code 124.")]
Events = Annotated[str | None, typer.Option("--events", help="Write events there as JSON lines; - is stdout.")]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Plain = Annotated[bool, typer.Option("--plain", help="Print tab-separated lines.")]
