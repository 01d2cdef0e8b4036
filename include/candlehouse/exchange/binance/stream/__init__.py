"""The websocket streams: names, payloads, connections, and a client that keeps them flowing."""
