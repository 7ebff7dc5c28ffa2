"""Directed dialogue on this machine: voice activity, recognition and synthesis by the engines of `speech`."""
