"""From texts and conversations to requests, and the log of the answers."""
