"""A stand-in of Twilio: REST, call control, Media Streams and SMS, as far as a voice application can tell."""
