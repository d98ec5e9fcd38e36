"""Broadcasts from SQL and over HTTP, and those of the past, with the stock Python client."""

import json
import os
import time
import unittest
from uuid import uuid4

import asyncpg

from test_story import Heard, People


async def say(topic, event, payload, private=True):
    """Broadcasts from SQL."""
    database = await asyncpg.connect(os.environ["SUPABASE_DB_URL"])
    try:
        await database.execute(
            "select realtime.send($1::text::jsonb, $2, $3, $4)", json.dumps(payload), event, topic, private
        )
    finally:
        await database.close()


def is_event(name):
    return lambda message: message["event"] == name


class Broadcasts(People):
    async def join(self, client, topic, events, **config):
        """Joins, and gives what is heard of these events."""
        heard, statuses = Heard(), []
        channel = client.channel(topic, {"config": config})
        for event in events:
            channel.on_broadcast(event, heard.add)
        await channel.subscribe(lambda status, error: statuses.append((status.value, str(error or ""))))
        self.assertEqual(statuses[0], ("SUBSCRIBED", ""))
        return heard

    async def test_what_sql_says_reaches_the_members(self):
        # RT-01
        ana, cy = await self.people("ana", "cy")
        topic = f"conversation:{(await self.group(ana))['id']}"
        inside = await self.join(ana, topic, ["secret"], private=True)
        outside = await self.join(cy, topic, ["secret", "open"])
        await say(topic, "secret", {"n": 1})
        await say(topic, "open", {"n": 2}, private=False)
        self.assertEqual((await inside.first(is_event("secret")))["payload"]["n"], 1)
        await outside.first(is_event("open"))
        self.assertEqual([message["event"] for message in outside.all], ["open"])

    async def test_a_payload_that_is_no_object_is_the_clients_to_reject(self):
        [ana] = await self.people("ana")
        topic = f"party-{uuid4()}"
        heard = await self.join(ana, topic, ["list", "large"])
        await say(topic, "list", [1], private=False)
        await say(topic, "large", {"text": "x" * 1_000_000}, private=False)
        self.assertEqual(len((await heard.first(is_event("large")))["payload"]["text"]), 1_000_000)
        self.assertEqual([message["event"] for message in heard.all], ["large"])

    async def test_what_was_said_before_is_replayed_once(self):
        [ana] = await self.people("ana")
        topic = f"conversation:{(await self.group(ana))['id']}"
        since = int(time.time() * 1000) - 60_000
        for event in ("one", "two"):
            await say(topic, event, {})
        heard = await self.join(
            ana, topic, ["one", "two", "three"], private=True, broadcast={"replay": {"since": since, "limit": 1}}
        )
        await say(topic, "three", {})
        await heard.first(is_event("three"))
        self.assertEqual([message["event"] for message in heard.all], ["two", "three"])


if __name__ == "__main__":
    unittest.main()
