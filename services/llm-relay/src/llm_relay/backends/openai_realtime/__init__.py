"""The OpenAI Realtime API (GA), over a WebSocket of the `openai` package."""
