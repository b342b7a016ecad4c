"""A first sweep file: an example that runs, or a proposal read from a training script, which is never run for it."""
