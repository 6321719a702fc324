"""A first config for somebody's data: what the data and the machine are like, and what follows from that."""
