"""What a user deploys and calls: the client, the service, the command line, the metrics."""
