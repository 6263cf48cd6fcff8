"""What stands between the network and the application: how much, how long and from whom a request may come."""
