"""Programs that run one script again and again, so many at a time: `python -m runners.NAME ... N SLOTS SCRIPT`."""
