"""From MQTT to the console, as a plant sees it."""
