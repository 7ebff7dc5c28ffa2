"""Takes calls from telephony and browsers."""
