"""Hyperparameter sweeps for a plain training script.

What a training program may use is here, and `Optimizer`, for scripts that ask and tell; importing it costs about
nothing, because each name is loaded at its first use.
"""

TYPE_CHECKING = False  # importing `typing` would cost every training script some milliseconds
if TYPE_CHECKING:
    from sweeprun.client import active, checkpoint_dir, params, report, seed, start_step, trial, until
    from sweeprun.optimizer import Optimizer

    __version__: str

__all__ = ["Optimizer", "active", "checkpoint_dir", "params", "report", "seed", "start_step", "trial", "until"]


def __getattr__(name: str) -> object:
    if name == "Optimizer":
        from sweeprun.optimizer import Optimizer

        return Optimizer
    if name in __all__:
        from sweeprun import client

        return getattr(client, name)
    if name == "__version__":
        from importlib.metadata import version

        return version("sweeprun")
    raise AttributeError(f"module 'sweeprun' has no attribute {name!r}")
