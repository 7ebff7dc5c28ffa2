"""Telephone audio without I/O: codecs, resampling, levels, DTMF, WAV and the pacing of playout."""
