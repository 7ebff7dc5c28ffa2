"""One module per outside thing: sockets, webhooks, Twilio's REST, the operator's routes."""
