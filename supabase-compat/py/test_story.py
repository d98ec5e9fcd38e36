"""The main job with the stock Python client, which speaks Realtime's vsn 1.0.0."""

import asyncio
import os
import unittest
from uuid import uuid4

from postgrest.exceptions import APIError
from supabase import acreate_client

URL = os.environ["SUPABASE_URL"]
ANON_KEY = os.environ["SUPABASE_ANON_KEY"]
PASSWORD = "walkie-demo"
# How long anything may take that is waited for.
PATIENCE_SECONDS = 15


class Heard:
    """What a listener heard, in order."""

    def __init__(self):
        self.all = []
        self._news = asyncio.Event()

    def add(self, item):
        self.all.append(item)
        self._news.set()

    async def first(self, wanted):
        """The first that `wanted` accepts, heard already or still to come."""
        try:
            return await asyncio.wait_for(self._first(wanted), PATIENCE_SECONDS)
        except asyncio.TimeoutError:
            raise AssertionError(f"not heard; heard was: {self.all}") from None

    async def _first(self, wanted):
        while not (found := [item for item in self.all if wanted(item)]):
            self._news.clear()
            await self._news.wait()
        return found[0]


def inserts(message):
    """Accepts the change that inserted this message."""
    return lambda change: change["data"]["record"].get("id") == message["id"]


class People(unittest.IsolatedAsyncioTestCase):
    """The demo people, and places for them to talk."""

    async def person(self, name):
        client = await acreate_client(URL, ANON_KEY)
        await client.auth.sign_in_with_password({"email": f"{name}@example.com", "password": PASSWORD})
        self.addAsyncCleanup(client.realtime.close)
        return client

    async def people(self, *names):
        return [await self.person(name) for name in names]

    async def group(self, owner, *members):
        ids = [(await member.auth.get_user()).user.id for member in members]
        answer = await owner.rpc("create_group", {"p_title": f"Group {uuid4()}", "p_members": ids}).execute()
        return answer.data


class Story(People):
    async def send(self, client, place, body):
        answer = await client.rpc("send_message", {"p_conversation_id": place["id"], "p_body": body}).execute()
        return answer.data

    async def hear(self, client, table, event="*"):
        """Changes of a table, heard from now on."""
        heard, confirmed = Heard(), Heard()
        channel = client.channel(table)
        channel.on_postgres_changes(event, schema="public", table=table, callback=heard.add)
        channel.on_system(confirmed.add)
        await channel.subscribe()
        await confirmed.first(lambda message: message.extension == "postgres_changes")
        return heard

    async def test_a_message_reaches_live_exactly_those_whom_the_policies_let_see_it(self):
        ana, bo, cy = await self.people("ana", "bo", "cy")
        room = await self.group(ana, bo)
        elsewhere = await self.group(cy)

        ana_hears, bo_hears, cy_hears = [await self.hear(one, "messages") for one in (ana, bo, cy)]
        said = await self.send(ana, room, "Are you there?")
        inserted = await bo.table("messages").insert({"conversation_id": room["id"], "body": "Always."}).execute()
        answer = inserted.data[0]

        question = await bo_hears.first(inserts(said))
        self.assertEqual(question["data"]["record"], said)
        reply = await ana_hears.first(inserts(answer))
        self.assertEqual(reply["data"]["record"], answer)

        # Changes come in the order of their commits: once cy has this one, nothing earlier is on its way.
        marker = await self.send(cy, elsewhere, "Nobody here but me.")
        await cy_hears.first(inserts(marker))
        leaked = [change for change in cy_hears.all if change["data"]["record"]["conversation_id"] == room["id"]]
        self.assertEqual(leaked, [])

    async def test_a_corrected_message_arrives(self):
        # RT-02
        ana, bo = await self.people("ana", "bo")
        room = await self.group(ana, bo)
        said = await self.send(ana, room, "Helo")
        heard = await self.hear(bo, "messages", "UPDATE")
        await ana.rpc(
            "edit_message", {"p_conversation": room["id"], "p_message": said["id"], "p_body": "Hello"}
        ).execute()
        change = await heard.first(inserts(said))
        self.assertEqual(change["data"]["type"], "UPDATE")
        self.assertEqual(change["data"]["record"]["body"], "Hello")

    async def test_broadcasts_are_heard_by_others(self):
        ana, bo = await self.people("ana", "bo")
        topic, heard = f"party-{uuid4()}", Heard()
        listening = bo.channel(topic)
        listening.on_broadcast("wave", heard.add)
        await listening.subscribe()
        speaking = ana.channel(topic)
        await speaking.subscribe()
        await speaking.send_broadcast("wave", {"to": "all"})
        wave = await heard.first(lambda message: message["event"] == "wave")
        self.assertEqual(wave["payload"], {"to": "all"})

    async def test_everybody_sees_who_is_present(self):
        # PRS-01
        ana, bo = await self.people("ana", "bo")
        topic, heard = f"lobby-{uuid4()}", Heard()
        watching = bo.channel(topic, {"config": {"presence": {"key": "bo"}}})
        watching.on_presence_sync(lambda: heard.add(dict(watching.presence_state())))
        await watching.subscribe()
        present = ana.channel(topic, {"config": {"presence": {"key": "ana"}}})
        await present.subscribe()
        for mood in ("calm", "merry"):
            await present.track({"mood": mood})
            state = await heard.first(lambda state: state.get("ana", [{}])[0].get("mood") == mood)
            self.assertEqual(len(state["ana"]), 1)
        heard.all.clear()
        await present.untrack()
        await heard.first(lambda state: "ana" not in state)

    async def test_a_private_channel_is_for_members(self):
        # RT-01
        ana, cy = await self.people("ana", "cy")
        room = await self.group(ana)

        async def join(client):
            statuses = []
            channel = client.channel(f"conversation:{room['id']}", {"config": {"private": True}})
            await channel.subscribe(lambda status, error: statuses.append((status.value, str(error or ""))))
            return statuses[0]

        self.assertEqual(await join(ana), ("SUBSCRIBED", ""))
        status, reason = await join(cy)
        self.assertEqual(status, "CHANNEL_ERROR")
        self.assertIn("Unauthorized", reason)

    async def test_rows_are_read_with_filters_counts_and_embeds(self):
        [bo] = await self.people("bo")
        room = await self.group(bo)
        for body in ("one", "two", "three"):
            await self.send(bo, room, body)
        answer = (
            await bo.table("messages")
            .select("body, sender:profiles!sender_id(display_name)", count="exact")
            .eq("conversation_id", room["id"])
            .order("seq", desc=True)
            .limit(2)
            .execute()
        )
        self.assertEqual(answer.count, 3)
        self.assertEqual([row["body"] for row in answer.data], ["three", "two"])
        self.assertEqual(answer.data[0]["sender"], {"display_name": "Bo"})

    async def test_a_mistake_is_answered_in_postgrests_words(self):
        [ana] = await self.people("ana")
        with self.assertRaises(APIError) as unknown:
            await ana.table("no_such_table").select("*").execute()
        self.assertEqual(unknown.exception.code, "PGRST205")
        forged = {"conversation_id": (await self.group(ana))["id"], "body": "x", "sender_id": str(uuid4())}
        with self.assertRaises(APIError) as refused:
            await ana.table("messages").insert(forged).execute()
        self.assertEqual(refused.exception.code, "42501")


if __name__ == "__main__":
    unittest.main()
