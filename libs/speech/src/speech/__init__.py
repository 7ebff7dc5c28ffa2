"""Speech recognition, synthesis and voice activity behind ports, with engines that work offline."""
