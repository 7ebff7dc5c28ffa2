"""The platform's side of AudioCodes VoiceAI Connect: a caller on the Bot API in WebSocket (streaming) mode."""
