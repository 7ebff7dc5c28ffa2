"""Speech recognition, synthesis and voice activity, behind ports."""
