"""Feeds: statements in one order without gaps, from one member to another, both sides.

    FeedPublisher        tells statements, and pushes them to each subscriber until it has them
    FeedSubscription     takes feeds, and applies each statement once
    FeedServicer         the subscription's edge
    GrpcSubscriber       a subscriber behind a channel
    FEEDS                the tables of both

A feed knows nothing of what its statements say. The rules stand in docs/protocols/feeds.md, the chain in contract/feed.py.
"""

from typing import Final

from runtime.feeds.errors import EntriesLostError as EntriesLostError
from runtime.feeds.errors import FeedError as FeedError
from runtime.feeds.errors import FeedStatementRefusedError as FeedStatementRefusedError
from runtime.feeds.errors import SubscriberBehindError as SubscriberBehindError
from runtime.feeds.errors import SubscriberStuckError as SubscriberStuckError
from runtime.feeds.errors import SubscriberUnavailableError as SubscriberUnavailableError
from runtime.feeds.grpc_subscriber import GrpcSubscriber as GrpcSubscriber
from runtime.feeds.places import FeedCondition as FeedCondition
from runtime.feeds.publisher import FeedPublisher as FeedPublisher
from runtime.feeds.publisher import Subscriber as Subscriber
from runtime.feeds.servicer import FeedServicer as FeedServicer
from runtime.feeds.subscription import FeedHandler as FeedHandler
from runtime.feeds.subscription import FeedSubscription as FeedSubscription
from runtime.feeds.tables import FEEDS as FEEDS

AUTHORISATIONS: Final = "authorisations"
"""Name of the feed by which a home tells grants, their revocations and uses."""
