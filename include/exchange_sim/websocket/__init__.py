"""The websocket protocol of the stand-in, without sockets: frames, commands, names, limits."""
