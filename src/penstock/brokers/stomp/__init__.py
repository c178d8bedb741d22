"""A client for brokers that speak STOMP 1.2: frames, conversation and buffer are pure; one thread waits for the world."""

from penstock.brokers.stomp.broker import StompBroker
from penstock.brokers.stomp.listener import StompListener
from penstock.brokers.stomp.places import Server, StompLimits

__all__ = ["Server", "StompBroker", "StompLimits", "StompListener"]
