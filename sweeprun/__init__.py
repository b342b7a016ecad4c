"""sweeprun."""
