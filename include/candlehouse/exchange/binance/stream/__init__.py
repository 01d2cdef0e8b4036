"""The exchange's websocket streams: frames, connections and a client that keeps them flowing."""
