"""A feed over mutual TLS: the edge, the client, and how refusals are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
import pytest

from contract.province import Province
from contract.uscc import Uscc
from huren.feed.v1 import feed_pb2, feed_service_pb2, feed_service_pb2_grpc
from runtime.feeds import FeedServicer, GrpcSubscriber, SubscriberUnavailableError
from runtime.feeds.grpc_subscriber import MAY_RETRY
from runtime.grpc_channel import open_channel
from runtime.grpc_server import GrpcServer, ServedService
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import ListenSettings, TLSSettings
from runtime.telemetry import Metrics
from sandbox.pki import PKI, Authority
from tests.support.federation import ADAPTER, GATEWAY

World = Any
ORIGIN = MemberPeer(Province.TIANJIN, ADAPTER)
HOME = MemberPeer(Province.BEIJING, GATEWAY)


@asynccontextmanager
async def reached(
    world: World, pki: PKI, tls: TLSSettings, *, trusting: Authority = Authority.MEMBERS
) -> AsyncIterator[GrpcSubscriber]:
    server = GrpcServer(
        [
            ServedService(
                feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"],
                partial(feed_service_pb2_grpc.add_FeedServiceServicer_to_server, FeedServicer(world.subscription)),
            )
        ],
        listen=ListenSettings(host="127.0.0.1", port=0),
        tls=pki.member_tls(ORIGIN, trusting=trusting),
        metrics=Metrics(),
        max_concurrent_calls=10,
        answers_for=ORIGIN.province,
    )
    port = await server.start()
    try:
        async with open_channel(f"127.0.0.1:{port}", tls, server_name=member_host_name(ORIGIN)) as channel:
            yield GrpcSubscriber(channel)
    finally:
        await server.stop(timedelta(0))


async def test_a_feed_is_told_over_mutual_tls(world: World, pki: PKI) -> None:
    told = await world.tell(world.revocation(), world.revocation())
    async with reached(world, pki, pki.member_tls(HOME)) as subscriber:
        world.publisher._subscribers[ORIGIN.province] = subscriber
        assert await world.publisher.push(ORIGIN.province, 30) is True
    assert await world.applied() == told
    assert (await world.condition()).complete


async def test_what_is_refused_is_told_by_name_and_not_tried_again(world: World, pki: PKI) -> None:
    request = feed_service_pb2.PushRequest(feed="authorisations", envelopes=[world.reset()])
    other = MemberPeer(Province.HEBEI, GATEWAY)
    async with reached(world, pki, pki.member_tls(other)) as subscriber:
        with pytest.raises(SubscriberUnavailableError, match="STATEMENT_NOT_ACCEPTED") as caught:
            await subscriber.push(request, 20)
    assert (caught.value.may_retry, caught.value.retry_after) == (False, None)


async def test_what_is_from_the_future_is_told_with_when_to_try_again(world: World, pki: PKI) -> None:
    world.clock.advance(seconds=100)
    request = feed_service_pb2.PushRequest(
        feed="authorisations", envelopes=[world.signed(feed_pb2.FeedHead()).envelope]
    )
    async with reached(world, pki, pki.member_tls(HOME)) as subscriber:
        with pytest.raises(SubscriberUnavailableError) as caught:
            await subscriber.push(request, 20)
    assert (caught.value.may_retry, caught.value.retry_after) == (True, timedelta(seconds=40))


async def test_who_is_no_member_is_not_let_in(world: World, pki: PKI, uscc: Uscc) -> None:
    request = feed_service_pb2.PushRequest(feed="authorisations")
    tls = pki.enterprise_tls(uscc)
    async with reached(world, pki, tls, trusting=Authority.CLIENTS) as subscriber:
        with pytest.raises(SubscriberUnavailableError, match="NOT_PERMITTED"):
            await subscriber.push(request, 20)


async def test_who_is_not_there_may_be_tried_again(pki: PKI) -> None:
    async with open_channel("127.0.0.1:9", pki.member_tls(HOME)) as channel:
        with pytest.raises(SubscriberUnavailableError, match="UNAVAILABLE") as caught:
            await GrpcSubscriber(channel).push(feed_service_pb2.PushRequest(feed="authorisations"), 20)
    assert caught.value.may_retry


def test_every_status_is_known() -> None:
    assert set(MAY_RETRY) == set(grpc.StatusCode)
