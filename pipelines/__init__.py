"""Where the parts meet: pipelines, the server, the command line. The only place that sees all settings."""
