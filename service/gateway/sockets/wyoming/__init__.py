"""Wyoming, the protocol of Home Assistant's voice services: events of JSON and PCM over TCP."""
