"""What carries messages outward: each backend implements `Broker` and inherits `penstock.testing.BrokerSuite`."""
