"""A protocol-faithful Discord on loopback: REST and gateway over real sockets, no model of people.

Knows what SimCord leaves out: HTTP status and headers, 429 with Retry-After, identify, heartbeat,
dropped connections and RESUME with a replay, content censored by intents. Does not know permissions,
the cache or views (SimCord does). Only what Moyou uses is there; anything else is a 404 that a test sees.
"""

from tests.discord_server.server import DiscordServer

__all__ = ["DiscordServer"]
