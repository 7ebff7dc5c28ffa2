"""Codecs, resampling, DTMF, pacing, levels and WAV; pure."""
