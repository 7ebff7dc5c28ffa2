"""`opusagent agent`: what authors of agents work with."""
